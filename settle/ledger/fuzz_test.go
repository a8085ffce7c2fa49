package ledger

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"gongji/settle"
)

// FuzzOutboxRow: whatever stands in the rows that the outbox reads (a file that was damaged and still opens, a version with a
// mistake), it is refused as a fault of the store or read as what it says; it is never a panic, and never keeps the others from
// being sent.
func FuzzOutboxRow(f *testing.F) {
	h := newHouse(f)
	first, second := h.buy(h.patient, 500), h.buy(h.stranger, 300)
	due, err := h.DueReports(context.Background(), h.clock.now(), 10)
	if err != nil || len(due) != 2 {
		f.Fatal(due, err)
	}
	msgid := h.send(due[0].ID, "2102")
	var good []byte
	err = h.read(context.Background(), func(t *tx) error {
		var record settlementRecord
		var seq int64
		if err := t.get("SELECT record FROM settlement WHERE ref = ?", []any{first.ID}, &seq); err != nil {
			return err
		}
		var sealed []byte
		if err := t.get("SELECT doc FROM chain WHERE seq = ?", []any{seq}, &sealed); err != nil {
			return err
		}
		if good, err = t.vault().unseal(KindRecord, sealed); err != nil {
			return err
		}
		return t.record(seq, &record)
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte(`{"setl_id":"1"}`), []byte("{}"), "sent", "2102", "pending", int64(1))
	f.Add([]byte(`{"settlement":{"postings":[{"amount":-1}]}}`), []byte("null"), []byte{}, "unknown", "", "refused", int64(-1))
	f.Add([]byte(`{"settlement":{"sale":{"lines":null},"plan":{"pays":[{}]}}}`), []byte("[]"), []byte("x"), "accepted", "2103", "", int64(1<<62))
	f.Fuzz(func(t *testing.T, doc, booking, body []byte, state, infno, report string, at int64) {
		damage := func(x *tx, v *vault) error {
			for _, change := range []struct {
				query string
				args  []any
			}{
				{"UPDATE chain SET doc = ? WHERE kind = 'settlement' AND ref = ?", []any{v.seal(KindRecord, doc), first.ID}},
				{"UPDATE settlement SET booking = ? WHERE ref = ?", []any{v.seal(KindBooking, booking), first.ID}},
				{"UPDATE dispatch SET body = ?, state = ?, infno = ?, sent = ? WHERE msgid = ?", []any{v.seal(KindBody, body), state, infno, at, msgid}},
				{"UPDATE report SET state = ?, next = ? WHERE id = ?", []any{report, at, due[0].ID}},
			} {
				if err := x.run(change.query, change.args...); err != nil {
					return err
				}
			}
			return nil
		}
		if err := h.write(t.Context(), func(x *tx) error { return damage(x, x.vault()) }); err != nil {
			return // the columns themselves refuse it
		}
		list, err := h.DueReports(t.Context(), h.clock.now(), 10)
		if err != nil {
			t.Fatalf("one row keeps all from being sent: %v", err)
		}
		other := false
		for _, r := range list {
			other = other || r.Settlement == second.ID
		}
		if !other {
			t.Fatal("the sound report is not due any more")
		}
		_, err = h.Dossier(t.Context(), due[0].ID)
		wantKnown(t, err)
		_, err = h.DispatchBody(t.Context(), msgid)
		wantKnown(t, err)
		_, err = h.Settlement(t.Context(), first.ID)
		wantKnown(t, err)
		if _, err := h.OutboxTotals(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d, err := h.Dossier(t.Context(), due[1].ID); err != nil || d.Figures != second.Figures {
			t.Fatalf("the sound report: %v %v", d.Figures, err)
		}
	})
}

func wantKnown(t *testing.T, err error) {
	t.Helper()
	if err != nil && settle.CodeOf(err) == "" {
		t.Fatalf("an error without a code: %v", err)
	}
}

// FuzzProof: whatever file somebody holds up as a proof, it is refused by name or it is what was signed.
func FuzzProof(f *testing.F) {
	h := newHouse(f)
	sold := h.buy(h.patient, 500)
	r, err := ReadDir(context.Background(), h.options.Dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close() })
	key, err := r.VerificationKey()
	if err != nil {
		f.Fatal(err)
	}
	text, signed := h.proofText(r, sold.ID, ProofOptions{Venue: h.options.Venue, Clock: h.clock.now})
	f.Add(text)
	f.Add([]byte(`{"format":"gongji-proof-1","records":[],"head":{"format":"gongji-head-1","key":"gongji-verify-1:"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, _, err := CheckProof(bytes.NewReader(text), key)
		if err == nil && p.Signature != signed.Signature {
			t.Fatal("a proof that was not signed checks")
		}
		if err != nil && settle.CodeOf(err) != settle.BadRequest {
			t.Fatalf("an error without a code: %v", err)
		}
		if _, err := CheckHead(bytes.NewReader(text), key); err == nil {
			t.Fatal("a proof, or what was made of one, checks as a head")
		}
	})
}

// FuzzKey: whatever stands in a key file, it is one key or two of full length, which are written as they were read, or the file is
// called damaged, and the text of that shows nothing of it.
func FuzzKey(f *testing.F) {
	one, two := bytes.Repeat([]byte{1}, keyBytes), bytes.Repeat([]byte{2}, keyBytes)
	f.Add(keyring{one}.text())
	f.Add(keyring{two, one}.text())
	f.Add(bytes.ReplaceAll(keyring{two, one}.text(), []byte("\n"), []byte("\r\n")))
	f.Add([]byte(keyHeaderNext + "\n" + keyHeader + "\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := parseKey(text)
		if err != nil {
			if !errors.Is(err, errKeyDamaged) || ring != nil {
				t.Fatalf("%d keys, %v", len(ring), err)
			}
			return
		}
		for _, master := range ring {
			if len(master) != keyBytes {
				t.Fatalf("a key of %d bytes", len(master))
			}
		}
		again, err := parseKey(ring.text())
		if err != nil || len(again) != len(ring) || !bytes.Equal(again[0], ring[0]) {
			t.Fatalf("%d keys came back as %d: %v", len(ring), len(again), err)
		}
		if _, _, err := ring.vaults(keyState{}); err != nil {
			t.Fatalf("a key that was taken opens nothing: %v", err)
		}
	})
}
