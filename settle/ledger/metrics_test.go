package ledger

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"gongji/settle"
)

func TestMetrics(t *testing.T) {
	h := newHouse(t)
	allowed := h.next("S-allowed", h.clock.now())
	allowed.Accounts = []settle.SnapshotAccount{h.spouse.account(5000), h.stranger.account(5000)}
	allowed.Accounts[0].Allowance, allowed.Accounts[0].AllowanceUntil = 4250, noon.Add(time.Hour)
	allowed.Accounts[1].Allowance, allowed.Accounts[1].AllowanceUntil = 900, noon.Add(-time.Second) // over
	h.apply(allowed)
	registry := h.options.Registerer.(*prometheus.Registry)
	samples, err := testutil.GatherAndCount(registry, "gongji_settlements_total")
	if err != nil || samples < len(refusals)+15 {
		t.Errorf("%d label values exist from the start, %v", samples, err)
	}
	order := h.order(h.patient, line("1", 1500))
	order.Offline = true
	h.settle(order)
	if _, replayed, err := h.Settle(t.Context(), order); err != nil || !replayed {
		t.Fatal(err)
	}
	_, _, err = h.Settle(t.Context(), h.order(h.patient))
	wantCode(t, err, settle.BadRequest)
	stolen := h.order(h.patient, line("1", 1))
	stolen.Sale.Credential.Owner = h.id(h.stranger)
	_, _, err = h.Settle(t.Context(), stolen)
	wantCode(t, err, settle.PersonCardMismatch)
	report := h.due()
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "2102"), State: settle.DispatchRefused, Report: report.ID, ReportState: settle.ReportRefused, Done: true,
	})
	want := `
# HELP gongji_allowance_unspent_yuan Account money that the centre guarantees this venue offline and that is not spent yet.
# TYPE gongji_allowance_unspent_yuan gauge
gongji_allowance_unspent_yuan 42.5
# HELP gongji_at_risk_yuan Account money settled offline beyond allowances and not yet booked by the centre.
# TYPE gongji_at_risk_yuan gauge
gongji_at_risk_yuan 15
# HELP gongji_attention_items Items that wait for a person's decision.
# TYPE gongji_attention_items gauge
gongji_attention_items{kind="adjusted"} 0
gongji_attention_items{kind="agency"} 0
gongji_attention_items{kind="goods"} 0
gongji_attention_items{kind="held"} 0
gongji_attention_items{kind="one_sided"} 0
gongji_attention_items{kind="refused"} 1
gongji_attention_items{kind="unknown"} 0
# HELP gongji_chain_verified_timestamp_seconds When the hash chain was last verified without a finding; 0 for never.
# TYPE gongji_chain_verified_timestamp_seconds gauge
gongji_chain_verified_timestamp_seconds 0
# HELP gongji_clock_correction_total Times the centre's time corrected the high-water clock.
# TYPE gongji_clock_correction_total counter
gongji_clock_correction_total 0
# HELP gongji_ledger_snapshot_timestamp_seconds Centre time of the newest snapshot applied; 0 for none.
# TYPE gongji_ledger_snapshot_timestamp_seconds gauge
gongji_ledger_snapshot_timestamp_seconds 1.76978394e+09
# HELP gongji_settled_yuan_total Yuan settled by source; returns are not subtracted.
# TYPE gongji_settled_yuan_total counter
gongji_settled_yuan_total{source="cash"} 0
gongji_settled_yuan_total{source="fund"} 0
gongji_settled_yuan_total{source="own"} 10
gongji_settled_yuan_total{source="shared"} 5
`
	want = strings.Replace(want, "1.76978394e+09", formatGauge(noon), 1)
	err = testutil.GatherAndCompare(registry, strings.NewReader(want), "gongji_allowance_unspent_yuan", "gongji_at_risk_yuan", "gongji_attention_items",
		"gongji_chain_verified_timestamp_seconds", "gongji_clock_correction_total",
		"gongji_ledger_snapshot_timestamp_seconds", "gongji_settled_yuan_total")
	if err != nil {
		t.Error(err)
	}
	for labels, n := range map[[2]string]float64{
		{resultSettled, ""}: 1, {resultReplayed, ""}: 1, {resultRefused, "BAD_REQUEST"}: 1, {resultRefused, "E_CARD_OWNER_MISMATCH"}: 1,
		{resultFailed, "STORE_FULL"}: 0,
	} {
		if got := testutil.ToFloat64(h.metrics.settlements.WithLabelValues(labels[0], labels[1])); got != n {
			t.Errorf("settlements_total%v is %v, want %v", labels, got, n)
		}
	}
	h.wantVerified()
	if got := testutil.ToFloat64(h.metrics.verifiedAt); got != float64(noon.Unix()) {
		t.Errorf("verified at %v", got)
	}
	if n, err := testutil.GatherAndCount(registry, "gongji_commit_batch_size", "gongji_settle_duration_seconds"); err != nil || n != 2 {
		t.Errorf("%d histograms, %v", n, err)
	}
}

// formatGauge writes a time as the exposition format does.
func formatGauge(at time.Time) string { return strconv.FormatFloat(float64(at.Unix()), 'g', -1, 64) }
