package ledger

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gongji/settle"
	"gongji/settle/canon"
)

// The kinds of money records. A request moves no money, but lets money move later.
const (
	recordSettlement    = "settlement"
	recordReturn        = "return"
	recordDispatch      = "dispatch"
	recordRequest       = "request"
	recordPremium       = "premium"
	recordPremiumCancel = "premium_cancel"
	recordAdjustment    = "adjustment"
	recordDecision      = "decision"
	recordClosing       = "closing"
	recordOrphan        = "orphan"
)

// settlementRecord is a settlement as it was made. It never changes; what became of it later is in later records.
type settlementRecord struct {
	Settlement settle.Settlement `json:"settlement"`
	MedGroup   settle.MedGroup   `json:"med_group"`
	// Bill holds the facts that decided, for the explanation; its lines are those of the sale and not stored twice.
	Bill *settle.Bill `json:"bill,omitempty"`
}

// requestRecord is a request for a binding as it was made.
type requestRecord struct {
	Request  settle.BindingRequest `json:"request"`
	Presence settle.Presence       `json:"presence"`
	// Ending is set where nobody asked: the ledger ended the binding by itself, and no card was there.
	Ending *endingRecord `json:"ending,omitempty"`
}

// premiumRecord is a contribution as it was paid.
type premiumRecord struct {
	Premium   settle.Premium   `json:"premium"`
	Presence  settle.Presence  `json:"presence"`
	Policy    settle.PolicyRef `json:"policy"`
	AtCounter bool             `json:"at_counter"`
	Late      int              `json:"late_wait_days,omitempty"`
}

// premiumCancelRecord is a cancelled contribution; the postings of Cancel are what came back.
type premiumCancelRecord struct {
	POS         string               `json:"pos"`
	Premium     string               `json:"premium_id"`
	Cancel      settle.PremiumCancel `json:"cancel"`
	At          time.Time            `json:"at"`
	Presence    *settle.Presence     `json:"presence,omitempty"`
	WithoutCard bool                 `json:"without_card,omitempty"`
}

// returnRecord is a reversal or refund, with everything the next one and the report need.
type returnRecord struct {
	POS         string           `json:"pos"`
	Return      settle.Return    `json:"return"`
	Presence    *settle.Presence `json:"presence,omitempty"`
	WithoutCard bool             `json:"without_card,omitempty"`
	Cancelled   []settle.Pay     `json:"cancelled"` // first leg, pots as they are called today
	Rebooked    []settle.Pay     `json:"rebooked"`  // second leg
	Kept        []settle.Line    `json:"kept"`
	Remaining   []settle.Pay     `json:"remaining"` // what the payers still pay, original pots
	KeptFigures settle.Figures   `json:"kept_figures"`
}

// dispatchRecord is the outcome of a message to the centre.
type dispatchRecord struct {
	MsgID       string               `json:"msgid"`
	Infno       string               `json:"infno"`
	Report      int64                `json:"report"`
	State       settle.DispatchState `json:"state"`
	Booking     *settle.Booking      `json:"booking,omitempty"`
	Unbooked    bool                 `json:"unbooked,omitempty"`
	Undone      string               `json:"undone,omitempty"`
	Visit       string               `json:"mdtrt_id,omitempty"`
	Fault       string               `json:"fault,omitempty"`
	At          time.Time            `json:"at"`
	ReportState settle.ReportState   `json:"report_state"`
	Done        bool                 `json:"done"`

	RequestState  settle.RequestState `json:"request_state,omitempty"`
	RequestAnswer string              `json:"request_answer,omitempty"`
}

// head is the end of the chain.
type head struct {
	seq  int64
	hash [sha256.Size]byte
}

// encode is the head as it is stored: number, hash, and a keyed hash over both, so that nobody without the key can cut
// records off the end.
func (h head) encode(v *vault) []byte { return h.under(v, kindChain) }

// under is the head under a keyed hash of a kind: what one place holds cannot be put into another.
func (h head) under(v *vault, kind string) []byte {
	data := binary.BigEndian.AppendUint64(make([]byte, 0, 8+2*sha256.Size), uint64(h.seq))
	data = append(data, h.hash[:]...)
	return append(data, v.mac(kind, string(data))...)
}

var errHeadBroken = errors.New("the head of the hash chain was changed")

func decodeHead(v *vault, data []byte) (h head, err error) { return headUnder(v, kindChain, data) }

func headUnder(v *vault, kind string, data []byte) (h head, err error) {
	const body = 8 + sha256.Size
	if len(data) == 0 {
		return head{}, nil
	}
	if len(data) != body+sha256.Size || !hmac.Equal(v.mac(kind, string(data[:body])), data[body:]) {
		return head{}, errHeadBroken
	}
	h.seq = int64(binary.BigEndian.Uint64(data))
	copy(h.hash[:], data[8:])
	return h, nil
}

func (t *tx) loadHead() (head, error) {
	data, err := t.meta(metaHead)
	if err != nil {
		return head{}, err
	}
	return decodeHead(t.vault(), data)
}

// next is the head after one more record. Every part is preceded by its length, so that no two records that differ
// are hashed over the same bytes.
func (h head) next(kind, ref string, doc []byte) head {
	digest := sha256.New()
	digest.Write(h.hash[:])
	var size [8]byte
	for _, part := range [][]byte{[]byte(kind), []byte(ref), doc} {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		digest.Write(size[:])
		digest.Write(part)
	}
	n := head{seq: h.seq + 1}
	digest.Sum(n.hash[:0])
	return n
}

// link appends a money record to the chain and returns its number.
func (t *tx) link(kind, ref string, record any) (int64, error) {
	doc, err := canon.Append(t.batch.doc[:0], record) // fields in order, maps sorted: the same record is always the same bytes
	if err != nil {
		return 0, fmt.Errorf("encode a %s record: %w", kind, err)
	}
	t.batch.doc = doc
	next := t.batch.head.next(kind, ref, doc)
	err = t.run("INSERT INTO chain (seq, kind, ref, doc, hash) VALUES (?, ?, ?, ?, ?)",
		next.seq, kind, ref, t.vault().seal(KindRecord, doc), next.hash[:])
	if err != nil {
		return 0, err
	}
	t.batch.head = next
	return next.seq, nil
}

// record reads a money record of the chain into a value.
func (t *tx) record(seq int64, value any) error {
	var sealed []byte
	if err := t.get("SELECT doc FROM chain WHERE seq = ?", []any{seq}, &sealed); err != nil {
		return fmt.Errorf("chain record %d: %w", seq, err)
	}
	if err := t.vault().unsealJSON(KindRecord, sealed, value); err != nil {
		return fmt.Errorf("chain record %d: %w", seq, err)
	}
	return nil
}

// sameDoc reports whether two values have one canonical form.
func sameDoc(a, b any) bool {
	left, leftErr := json.Marshal(a)
	right, rightErr := json.Marshal(b)
	return leftErr == nil && rightErr == nil && bytes.Equal(left, right)
}
