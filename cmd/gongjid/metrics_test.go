package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// contractMetrics are the names that dashboards and alert rules rely on.
var contractMetrics = []string{
	"settlements_total{", "settle_duration_seconds_bucket{", `settled_yuan_total{source="own"}`, `settled_yuan_total{source="shared"}`,
	`settled_yuan_total{source="cash"}`, `settled_yuan_total{source="fund"}`, "match_refusals_total{", `reader_up{reader="counter-1"}`,
	`reader_card_present{reader="counter-1"}`, "card_reads_total{", "card_read_duration_seconds_count", "outbox_unsent ", "outbox_unsent_yuan ",
	"outbox_oldest_unsent_timestamp_seconds ", "outbox_unknown ", "ledger_snapshot_timestamp_seconds ", `upstream_requests_total{infno="2102"`,
	"upstream_last_success_timestamp_seconds ", "offline_mode ", "attention_items{", "at_risk_yuan ", "reconcile_differences ", "api_rejected_requests_total{",
	"commit_batch_size_bucket{", "chain_verified_timestamp_seconds ", "clock_jump_total ", "build_info{",
	`warning{code="READER_DOWN",severity="warning"} 0`, "ready 1", "disk_free_bytes ",
	"allowance_unspent_yuan ", `upstream_request_duration_seconds_count{infno="2102"}`, "commit_duration_seconds_count",
}

func scrape(t *testing.T, s *sandbox) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.daemon.MetricsURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", response.StatusCode, err)
	}
	return string(body)
}

func TestMetricsOfTheContractAreThereFromTheStart(t *testing.T) {
	s, _ := startSandbox(t)
	text := scrape(t, s)
	for _, name := range contractMetrics {
		if !strings.Contains(text, "\ngongji_"+name) {
			t.Errorf("gongji_%s is not exposed", name)
		}
	}
}

func TestMetricsAreNotForWebPages(t *testing.T) {
	s, _ := startSandbox(t)
	for name, change := range map[string]func(*http.Request){
		"rebound host": func(r *http.Request) { r.Host = "attacker.example" },
		"origin":       func(r *http.Request) { r.Header.Set("Origin", "https://attacker.example") },
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.daemon.MetricsURL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		change(request)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode < 400 {
			t.Errorf("%s: answered %d", name, response.StatusCode)
		}
	}
}
