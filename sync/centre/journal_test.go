package centre_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"gongji/settle"
	. "gongji/sync/centre"
	"gongji/sync/nhsa"
)

// TestJournalTogether: of many messages at once each is on the disk before it is answered, and a restart knows them all.
func TestJournalTogether(t *testing.T) {
	dir := t.TempDir()
	journal, err := OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	x, family := demo(t, Options{Journal: journal})
	file := filepath.Join(dir, "centre.jsonl")
	lines := func() int64 {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		return int64(bytes.Count(text, []byte("\n")))
	}
	before := lines()
	const messages = 60
	prepared := make([]nhsa.Prepared, messages)
	for i := range prepared {
		prepared[i] = x.prepare(nhsa.PharmacySettle{Dossier: sale(family.Stranger, settle.Figures{Total: 100, Own: 100}), Extensions: expected})
	}
	var answered atomic.Int64
	var senders sync.WaitGroup
	for i := range prepared {
		senders.Go(func() {
			if outcome := x.client.Send(t.Context(), prepared[i]); !outcome.Done() {
				t.Errorf("message %d: %s", i, outcome.Fault)
				return
			}
			if told, there := answered.Add(1), lines()-before; there < told {
				t.Errorf("%d were answered, and %d are in the journal", told, there)
			}
		})
	}
	senders.Wait()
	balances := x.centre.Balances()
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	if journal, err = OpenJournal(dir); err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	c, err := New(Options{Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Balances(); len(c.Standing()) != messages || got[family.Stranger.PsnNo] != balances[family.Stranger.PsnNo] {
		t.Errorf("%d of %d stand after the restart, %v of %v left", len(c.Standing()), messages, got, balances)
	}
}
