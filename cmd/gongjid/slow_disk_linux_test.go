package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gongji/daemon/localapi"
	"gongji/settle/ledger"
	"gongji/settle/ledger/faultdisk"
)

// TestSlowDiskIsSaid: a disk that takes longer than the limit for every commit delays answers, loses nothing, and is said with
// what to do; the warning ends by itself when the disk is well again.
func TestSlowDiskIsSaid(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	disk, err := faultdisk.Watch(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(disk.Stop)
	s, _ := startSandboxWith(t, sandboxOptions{dir: dir})
	till := counterTill(t, s)
	till.insert(t, "1")
	stands := func() (found localapi.Warning) {
		ready, err := till.client.Ready(t.Context())
		if err != nil || !ready.Ready {
			t.Fatalf("a slow disk stops the counter: %+v, %v", ready, err)
		}
		for _, w := range ready.Warnings {
			if w.Code == "DISK_SLOW" {
				found = w
			}
		}
		return found
	}
	if w := stands(); w.Code != "" {
		t.Fatalf("before: %+v", w)
	}
	disk.Slow(2 * ledger.SlowCommit)
	var warning localapi.Warning
	sold := []string{till.mask(t, "SLOW-0")}
	for n, deadline := 1, time.Now().Add(90*time.Second); warning.Code == ""; n++ {
		if time.Now().After(deadline) {
			t.Fatal("nobody is told of the slow disk")
		}
		if n < 4 {
			sold = append(sold, till.mask(t, "SLOW-"+string(rune('0'+n))))
		}
		time.Sleep(50 * time.Millisecond)
		warning = stands()
	}
	if warning.Title != "磁盘太慢" || !strings.Contains(warning.Text, "500ms") || !strings.Contains(warning.Remedy, "杀毒") || warning.English.Cause == "" {
		t.Errorf("%+v", warning)
	}
	for _, want := range []string{`gongji_warning{code="DISK_SLOW",severity="warning"} 1`, "gongji_commit_duration_seconds_count "} {
		if !strings.Contains(scrape(t, s), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	disk.Slow(0)
	for n, deadline := 0, time.Now().Add(60*time.Second); stands().Code != ""; n++ {
		if time.Now().After(deadline) {
			t.Fatal("the warning does not end")
		}
		sold = append(sold, till.mask(t, fmt.Sprintf("WELL-%d", n)))
		time.Sleep(200 * time.Millisecond) // as a till sells: faster, and the rate limit answers
	}
	for _, id := range sold {
		if err := till.accepted(t.Context(), id, "accepted"); err != nil {
			t.Fatal(err)
		}
	}
}
