package nhsa

import (
	"encoding/json"
	"errors"
	"time"

	"gongji/settle"
)

// InfnoReturn is G105: a venue gives up allowances, and others may spend what of them is unspent. It is our extension,
// like G101. An allowance is named by its account and its end, so the message may be repeated as often as its answer is
// lost.
const InfnoReturn = "G105"

// ReturnedAllowance is one row of G105.
type ReturnedAllowance struct {
	PsnNo   string     `json:"psn_no" wire:"C30,M"`
	Until   Millis     `json:"until"` // the allowance's end, as the snapshot wrote it
	Unspent settle.Fen `json:"unspent"`
}

// Millis is an instant with milliseconds, as the feed's snapshots write it.
type Millis time.Time

const millisLayout = "2006-01-02 15:04:05.000"

// MarshalJSON writes Beijing time.
func (m Millis) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Time(m).In(settle.Beijing).Format(millisLayout))
}

// UnmarshalJSON reads Beijing time.
func (m *Millis) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return errors.New("until is no text")
	}
	at, err := time.ParseInLocation(time.DateTime, text, settle.Beijing) // reads a fraction where there is one
	*m = Millis(at)
	if err != nil {
		return errors.New("until is no time with milliseconds")
	}
	return nil
}

// ReturnInput is the input of G105.
type ReturnInput struct {
	Allowances []ReturnedAllowance `json:"allowances"`
}

// AllowanceReturns is G105 for allowances that were given up. The people are named by their person numbers.
type AllowanceReturns struct{ Returns []settle.AllowanceReturn }

// Infno is G105.
func (AllowanceReturns) Infno() string { return InfnoReturn }

// Input builds the node. It books nothing: a repeat is harmless and needs no journal.
func (m AllowanceReturns) Input() (any, bool, error) {
	input := ReturnInput{Allowances: make([]ReturnedAllowance, 0, len(m.Returns))}
	for _, r := range m.Returns {
		input.Allowances = append(input.Allowances, ReturnedAllowance{PsnNo: r.PsnNo, Until: Millis(r.Until), Unspent: r.Unspent})
	}
	return input, false, input.Check()
}

// Check holds a G105 against its table and rules, on either side.
func (i ReturnInput) Check() error {
	return checkMessage(i, func(f *faults) {
		if len(i.Allowances) == 0 {
			f.add("allowances", "must hold a row")
		}
		for _, row := range i.Allowances {
			if row.Unspent <= 0 || time.Time(row.Until).IsZero() {
				f.add("allowances", "each row needs until, and an amount above 0")
				return
			}
		}
	})
}

// ReturnAnswer is the output of G105: how many rows gave something back. Rows told before give nothing back again.
type ReturnAnswer struct {
	Accepted int `json:"accepted"`
}
