package nhsa

import (
	"encoding/json"
	"errors"
	"slices"

	"gongji/settle"
)

// InfnoBinding is G103: a family asks for a binding, for a change of one, or for its end. It is our extension, like
// G101. The request id makes it safe to repeat: the same id with the same content is the same request.
const InfnoBinding = "G103"

// BindingAsk is the input node data of G103. People are named by their person numbers.
type BindingAsk struct {
	Action      string       `json:"action" wire:"C10,M,d"`
	RequestID   string       `json:"request_id" wire:"C64,M"`
	Binding     string       `json:"binding_id,omitempty" wire:"C64"`
	Giver       string       `json:"giver" wire:"C30,M"`
	Beneficiary string       `json:"beneficiary" wire:"C30,M"`
	Relation    string       `json:"relation" wire:"C30"` // what the beneficiary is to the giver
	Rank        int          `json:"rank"`                // place among the beneficiary's givers, from 1; 0: the last
	Limit       *AskedLimit  `json:"limit"`               // null: none
	ValidFrom   *settle.Date `json:"valid_from"`          // null: today
	ValidTo     *settle.Date `json:"valid_to"`            // null: open
	EndReason   string       `json:"end_reason,omitempty" wire:"C20"`
	// What the request rests on; left out by older venues and where there is none.
	Notice     *ReadNotice `json:"notice,omitempty"`
	AuthMethod string      `json:"auth_method,omitempty" wire:"C20"` // of settle.AuthMethods; a centre takes others as they are
	Network    string      `json:"network,omitempty" wire:"C32"`     // number of the household network
}

// ReadNotice is the notice that the giver has read.
type ReadNotice struct {
	ID      string `json:"id"`
	Version string `json:"version"`
}

// AskedLimit is the most that may be paid over a binding, alone or over all of the giver's bindings together.
type AskedLimit struct {
	Amount settle.Fen `json:"amount"`
	Scope  string     `json:"scope"` // all or each
}

// BindingInput is the input of G103.
type BindingInput struct {
	Data BindingAsk `json:"data"`
}

// BindingChange is G103 for a request. Giver and Beneficiary are the two people in clear.
type BindingChange struct {
	Request            settle.BindingRequest
	Giver, Beneficiary settle.Identity
}

// Infno is G103.
func (BindingChange) Infno() string { return InfnoBinding }

// Input builds the node.
func (m BindingChange) Input() (any, bool, error) {
	r := m.Request
	ask := BindingAsk{
		Action: string(r.Action), RequestID: r.ID, Binding: r.Binding, Giver: m.Giver.PsnNo, Beneficiary: m.Beneficiary.PsnNo,
		Relation: string(r.Relation), Rank: r.Rank, ValidFrom: openDay(r.ValidFrom), ValidTo: openDay(r.ValidTo), EndReason: r.EndReason,
		AuthMethod: r.AuthMethod, Network: r.Network,
	}
	if r.Notice.ID != "" {
		ask.Notice = &ReadNotice{ID: r.Notice.ID, Version: r.Notice.Version}
	}
	if r.Limit.Set {
		ask.Limit = &AskedLimit{Amount: r.Limit.Max, Scope: "each"}
		if r.LimitAll {
			ask.Limit.Scope = "all"
		}
	}
	input := BindingInput{Data: ask}
	return input, true, input.Check()
}

// openDay is null on the wire where a day is open.
func openDay(day settle.Date) *settle.Date {
	if day == 0 {
		return nil
	}
	return &day
}

// Check holds a G103 against its table and rules, on either side.
func (i BindingInput) Check() error {
	return checkMessage(i, func(f *faults) {
		ask := &i.Data
		switch settle.BindingAction(ask.Action) {
		case settle.BindingBind:
			if relation := settle.Relation(ask.Relation); !slices.Contains(settle.Relations, relation) && relation != settle.SpouseParent {
				f.add("data.relation", "must be one of the eight kinds, or the spouse's parent where a region allows it")
			}
		case settle.BindingReorder:
			if ask.Rank < 1 {
				f.add("data.rank", "must be 1 or more")
			}
		case settle.BindingUnbind, settle.BindingLimit:
		default:
			f.add("data.action", "must be bind, unbind, reorder or limit")
		}
		if ask.Giver == ask.Beneficiary && ask.Giver != "" {
			f.add("data.beneficiary", "must not be the giver")
		}
		if ask.Rank < 0 {
			f.add("data.rank", "must not be negative")
		}
		if ask.Limit != nil && (ask.Limit.Amount < 0 || ask.Limit.Scope != "all" && ask.Limit.Scope != "each") {
			f.add("data.limit", "must be an amount from 0 with the scope all or each")
		}
		// A binding that ends on its first day, or before it, has an end before its beginning.
		ends := ask.Action == string(settle.BindingUnbind)
		if ask.ValidFrom != nil && ask.ValidTo != nil && *ask.ValidTo < *ask.ValidFrom && !ends {
			f.add("data.valid_to", "lies before valid_from")
		}
	})
}

// BindingAnswer is the output of G103. The binding, in the form of the feed's snapshot, is read by sync/feed; it is
// empty where there is none.
type BindingAnswer struct {
	Binding json.RawMessage     `json:"binding"`
	State   settle.RequestState `json:"state"`
	Reason  string              `json:"reason"`
	// NoBinding: what was to be changed or ended does not stand at the centre, and perhaps never has.
	NoBinding bool `json:"no_binding,omitempty"`
}

// DecodeBindingAnswer reads the output of G103.
func DecodeBindingAnswer(a *Answer) (BindingAnswer, error) {
	f, err := readFields(a.Output)
	if err != nil {
		return BindingAnswer{}, errors.New("the answer has no output")
	}
	out := BindingAnswer{State: settle.RequestState(f.text("state")), Reason: f.text("reason"), NoBinding: f.text("no_binding") == "true"}
	if f.has("binding") {
		out.Binding = f.json("binding")
	}
	return out, errors.Join(f.fault, knownRequestState(out.State))
}

func knownRequestState(state settle.RequestState) error {
	switch state {
	case settle.RequestConfirmed, settle.RequestRefused, settle.RequestPending:
		return nil
	}
	return errors.New("state is neither confirmed, refused nor pending")
}
