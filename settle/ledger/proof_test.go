package ledger

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

func TestEveryLeafClimbsToTheRootByItsOwnPathOnly(t *testing.T) {
	leaves := make([]leaf, 0, 40)
	for n := range 40 {
		leaves = append(leaves, sha256.Sum256([]byte{byte(n)}))
		root := rootOf(leaves)
		size := int64(len(leaves))
		for i, l := range leaves {
			path := pathOf(leaves, i)
			if got, ok := climb(l, int64(i), size, path); !ok || got != root {
				t.Fatalf("leaf %d of %d does not climb", i, size)
			}
			if got, ok := climb(leaf{}, int64(i), size, path); ok && got == root {
				t.Fatalf("another leaf climbs as %d of %d", i, size)
			}
			if got, ok := climb(l, int64(i+1), size, path); ok && got == root {
				t.Fatalf("leaf %d of %d climbs as the next", i, size)
			}
			if _, ok := climb(l, int64(i), size, append(slices.Clone(path), leaf{})); ok {
				t.Fatalf("leaf %d of %d climbs by a longer path", i, size)
			}
		}
	}
}

// proving is a closed ledger with a settlement of which part came back and that the centre has, read for a proof.
func proving(t *testing.T) (*house, settle.Settlement, *Reading, ProofOptions) {
	h, sold := busy(t)
	r, err := ReadDir(t.Context(), h.options.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return h, sold[0], r, ProofOptions{Venue: h.options.Venue, Clock: h.clock.now}
}

func (h *house) proofText(r *Reading, id string, o ProofOptions) ([]byte, Proof) {
	h.t.Helper()
	p, err := r.MakeProof(h.t.Context(), id, o)
	if err != nil {
		h.t.Fatal(err)
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		h.t.Fatal(err)
	}
	return text, p
}

func TestProofOfASettlementChecksWithTheVerificationKeyAlone(t *testing.T) {
	h, sold, r, o := proving(t)
	key, err := r.VerificationKey()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := h.proofText(r, sold.ID, o)
	for _, human := range []human{h.patient, h.daughter, h.spouse} {
		if bytes.Contains(text, []byte(human.certno)) || bytes.Contains(text, []byte(human.name)) {
			t.Error("it names somebody without having been asked to")
		}
	}
	p, content, err := CheckProof(bytes.NewReader(text), key)
	if err != nil {
		t.Fatal(err)
	}
	if content.Settlement.Figures != sold.Figures || content.Settlement.ReceiptNo != sold.ReceiptNo || len(content.Returns) != 1 ||
		content.Returns[0].Figures.Total != 300 || p.Head.Venue != venueCode || p.Head.Records != 9 {
		t.Errorf("it says %+v, head %+v", content, p.Head)
	}
	if len(content.Outcomes) != 1 || content.Outcomes[0].Booking == nil {
		t.Errorf("the centre's answer: %+v", content.Outcomes)
	}
	if len(p.People) != 1 || p.People[0].Person != sold.Sale.Patient || p.People[0].Masked == "" {
		t.Errorf("people %+v", p.People)
	}
	o.Reveal = true
	text, _ = h.proofText(r, sold.ID, o)
	if p, _, err = CheckProof(bytes.NewReader(text), key); err != nil || p.People[0].IDNumber != h.patient.certno || p.People[0].Name != h.patient.name {
		t.Errorf("revealed %+v, %v", p.People, err)
	}
	if _, err := r.MakeProof(t.Context(), "nothing", o); settle.CodeOf(err) != settle.NotFound {
		t.Errorf("an unknown settlement: %v", err)
	}
}

// TestProofAgainstAnEarlierHead: a head that was given away binds every record before it; what came later is not in a proof until
// that head, and the root is the one that was given away.
func TestProofAgainstAnEarlierHead(t *testing.T) {
	h, sold, r, o := proving(t)
	o.Until = 5
	given, err := r.MakeHead(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h.clock.add(48 * time.Hour)
	h.buy(h.patient, 100)
	_, p := h.proofText(r, sold.ID, o)
	if p.Head.Root != given.Root || p.Head.Records != 5 || len(p.Records) != 2 {
		t.Errorf("head %+v with %d records, given away %+v", p.Head, len(p.Records), given)
	}
	key, err := r.VerificationKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := CheckHead(bytes.NewReader(text), key); err != nil || back.Root != given.Root {
		t.Errorf("the head: %+v %v", back, err)
	}
	text = bytes.Replace(text, []byte(`"records":5`), []byte(`"records":6`), 1)
	if _, err := CheckHead(bytes.NewReader(text), key); !errors.Is(err, ErrProofChanged) {
		t.Errorf("a changed head: %v", err)
	}
	o.Until = 1000
	if _, err := r.MakeHead(t.Context(), o); settle.CodeOf(err) != settle.NotFound {
		t.Errorf("a head of records that are not: %v", err)
	}
}

func TestProofThatWasChangedDoesNotCheck(t *testing.T) {
	h, sold, r, o := proving(t)
	key, err := r.VerificationKey()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := h.proofText(r, sold.ID, o)
	change := func(edit func(p *Proof)) []byte {
		var p Proof
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatal(err)
		}
		edit(&p)
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	other, _ := newHouse(t), 0
	foreign, err := ReadDir(t.Context(), other.options.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Close() }()
	foreignKey, err := foreign.VerificationKey()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := r.ledger.vault().signing()
	if err != nil {
		t.Fatal(err)
	}
	// Whoever holds the key can sign anything; what is signed must still hang together.
	resign := func(p *Proof) {
		p.Signature = ""
		if p.Signature, err = signed(signer, proofFormat, *p); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		text []byte
		key  string
		want error
	}{
		"a word of a record":   {change(func(p *Proof) { p.Records[0].Doc = strings.Replace(p.Records[0].Doc, "till-1", "till-2", 1) }), key, ErrProofChanged},
		"a person":             {change(func(p *Proof) { p.People[0].Masked = "张*" }), key, ErrProofChanged},
		"a record taken out":   {change(func(p *Proof) { p.Records = p.Records[:1] }), key, ErrProofChanged},
		"the time of the head": {change(func(p *Proof) { p.Head.At = p.Head.At.Add(time.Hour) }), key, ErrProofChanged},
		"another key asked":    {text, foreignKey, ErrProofForeign},
		"the key exchanged":    {change(func(p *Proof) { p.Head.Key = foreignKey }), "", ErrProofChanged},
		"a member nobody knows": {bytes.Replace(text, []byte(`"format"`), []byte(`"remark": "x", "format"`), 1), key,
			ErrProofUnreadable},
		"something behind it": {append(slices.Clone(text), "{}"...), key, ErrProofUnreadable},
		"no proof at all":     {[]byte("settlement"), key, ErrProofUnreadable},
		"signed anew, words changed": {change(func(p *Proof) {
			p.Records[0].Doc = strings.Replace(p.Records[0].Doc, "till-1", "till-2", 1)
			resign(p)
		}), key, ErrProofBroken},
		"signed anew, out of order":       {change(func(p *Proof) { slices.Reverse(p.Records); resign(p) }), key, ErrProofBroken},
		"signed anew, another place":      {change(func(p *Proof) { p.Records[0].Number++; resign(p) }), key, ErrProofBroken},
		"signed anew, another settlement": {change(func(p *Proof) { p.Settlement = "other"; resign(p) }), key, ErrProofBroken},
		"signed anew, without records":    {change(func(p *Proof) { p.Records = nil; resign(p) }), key, ErrProofBroken},
	} {
		_, _, err := CheckProof(bytes.NewReader(c.text), c.key)
		if !errors.Is(err, c.want) || settle.CodeOf(err) != settle.BadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := CheckProof(bytes.NewReader(text), key+"\n"); err != nil {
		t.Errorf("the proof as it is: %v", err)
	}
}

// TestNothingIsProvedFromATamperedLedger: what does not fit the chain is not signed.
func TestNothingIsProvedFromATamperedLedger(t *testing.T) {
	for name, statement := range map[string]string{
		"record exchanged": "UPDATE chain SET doc = (SELECT doc FROM chain WHERE seq = 2) WHERE seq = 1",
		"record removed":   "DELETE FROM chain WHERE seq = 3",
		"end removed":      "DELETE FROM chain WHERE seq = (SELECT MAX(seq) FROM chain)",
		"hash":             "UPDATE chain SET hash = zeroblob(32) WHERE seq = 1",
	} {
		h, sold, r, o := proving(t)
		db, err := sql.Open("sqlite3", filepath.Join(h.options.Dir, databaseName))
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Exec(statement)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.MakeProof(t.Context(), sold.ID, o); !errors.Is(err, errNoProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
