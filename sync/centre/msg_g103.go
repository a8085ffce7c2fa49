package centre

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"gongji/settle"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

// Desk is how this centre's counter for bindings behaves, for rehearsals. The zero value decides at once.
type Desk struct {
	Refuse  string // not empty: every request is refused with this reason
	Pending int    // how often a request is answered "pending" before it is decided
}

// request is a G103 as it was decided, or waits to be. Bindings are those it changed, in the feed's form.
type request struct {
	ID       string              `json:"request_id"`
	Venue    string              `json:"venue"`
	MsgID    string              `json:"msgid"`
	Content  json.RawMessage     `json:"content"`
	State    settle.RequestState `json:"state"`
	Reason   string              `json:"reason,omitempty"`
	None     bool                `json:"none,omitempty"` // there is no such binding
	Asked    int                 `json:"asked"`
	Binding  string              `json:"binding_id,omitempty"`
	Bindings []json.RawMessage   `json:"bindings,omitempty"`
	Serial   int64               `json:"serial"`
}

// askBinding answers G103. The same request id with the same content is the same request; its state is told again.
func (w *work) askBinding(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.BindingInput](w, r)
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(in.Data)
	if err != nil {
		return nil, err
	}
	now := &request{ID: in.Data.RequestID, Venue: r.Venue, MsgID: r.MsgID, Content: content, State: settle.RequestPending}
	before := w.requests.at(r.Venue + "/" + in.Data.RequestID)
	if before != nil {
		if !bytes.Equal(before.Content, content) {
			return nil, refusal("[REQUEST-CONFLICT] 申请编号已用于另一份申请")
		}
		if before.State != settle.RequestPending {
			return w.requestAnswer(before)
		}
		now.Asked, now.Serial = before.Asked, before.Serial
	}
	if now.Serial == 0 {
		now.Serial = w.nextSerial()
	}
	now.Asked++
	if now.Asked > w.options.Desk.Pending {
		if err := w.decideBinding(now, &in.Data); err != nil {
			return nil, err
		}
	}
	if err := w.record(entry{Kind: entryRequest, Request: now}); err != nil {
		return nil, err
	}
	return w.requestAnswer(now)
}

// decideBinding confirms or refuses a request and works out the bindings as they stand afterwards.
func (w *work) decideBinding(now *request, ask *nhsa.BindingAsk) error {
	refuse := func(reason string) error { now.State, now.Reason = settle.RequestRefused, reason; return nil }
	if w.options.Desk.Refuse != "" {
		return refuse(w.options.Desk.Refuse)
	}
	giver, beneficiary := w.people.at(ask.Giver), w.people.at(ask.Beneficiary)
	if giver == nil || beneficiary == nil {
		now.None = ask.Action != string(settle.BindingBind)
		return refuse("未查询到参保人员信息")
	}
	var changed []settle.SnapshotBinding
	existing := w.bindingOf(ask)
	if ask.Action == string(settle.BindingBind) {
		switch {
		case existing != nil:
			return refuse("双方已有共济绑定，不能重复绑定")
		case !w.accounts.has(ask.Giver):
			return refuse("授权人没有个人账户")
		case giver.Status.Locked() || beneficiary.Status.Locked():
			return refuse("参保状态不能办理共济绑定")
		}
		changed = w.bind(now, ask)
	} else {
		if now.None = existing == nil; now.None {
			return refuse("双方没有有效的共济绑定")
		}
		changed = w.alter(existing, ask)
	}
	now.State, now.Binding = settle.RequestConfirmed, changed[0].ID
	for _, b := range changed {
		encoded, err := feed.EncodeBinding(b)
		if err != nil {
			return err
		}
		now.Bindings = append(now.Bindings, encoded)
	}
	return nil
}

// bindingOf is the active binding that a request is about.
func (w *work) bindingOf(ask *nhsa.BindingAsk) *binding {
	for _, b := range w.bindings.find("beneficiary", ask.Beneficiary) {
		if b.Active && b.Giver == ask.Giver && (ask.Binding == "" || ask.Binding == b.ID) {
			return b
		}
	}
	return nil
}

// bind is the new binding first, then those whose rank it moves.
func (w *work) bind(now *request, ask *nhsa.BindingAsk) []settle.SnapshotBinding {
	today := settle.DateOf(w.options.Clock())
	b := settle.SnapshotBinding{
		ID: fmt.Sprintf("B-%s-%010d", w.options.Area, now.Serial), Giver: ask.Giver, Beneficiary: ask.Beneficiary,
		Relation: settle.Relation(ask.Relation), BoundAt: today, ValidFrom: today, Mode: settle.Direct, LimitAll: true, Active: true,
		AuthMethod: ask.AuthMethod, Network: ask.Network,
	}
	if ask.ValidFrom != nil {
		b.ValidFrom = *ask.ValidFrom
	}
	if ask.ValidTo != nil {
		b.ValidTo = *ask.ValidTo
	}
	if ask.Limit != nil {
		b.Limit, b.LimitAll = settle.CapOf(ask.Limit.Amount), ask.Limit.Scope == "all"
	}
	return w.ranked(b, ask.Rank)
}

// alter is an existing binding as a request wants it, then those whose rank it moves.
func (w *work) alter(existing *binding, ask *nhsa.BindingAsk) []settle.SnapshotBinding {
	b := existing.SnapshotBinding
	switch settle.BindingAction(ask.Action) {
	case settle.BindingUnbind:
		b.Active = false
	case settle.BindingReorder:
		return w.ranked(b, ask.Rank)
	case settle.BindingLimit:
		b.Limit = settle.Cap{}
		if ask.Limit != nil {
			b.Limit, b.LimitAll = settle.CapOf(ask.Limit.Amount), ask.Limit.Scope == "all"
		}
	}
	return []settle.SnapshotBinding{b}
}

// ranked puts a binding at a place among the beneficiary's givers (0: the last) and numbers them anew from 1.
func (w *work) ranked(b settle.SnapshotBinding, rank int) []settle.SnapshotBinding {
	var others []settle.SnapshotBinding
	for _, other := range w.bindings.find("beneficiary", b.Beneficiary) {
		if other.Active && other.ID != b.ID {
			others = append(others, other.SnapshotBinding)
		}
	}
	slices.SortFunc(others, func(x, y settle.SnapshotBinding) int {
		return cmp.Or(cmp.Compare(x.Rank, y.Rank), cmp.Compare(x.ID, y.ID))
	})
	place := len(others)
	if rank > 0 {
		place = min(rank-1, place)
	}
	b.Rank = place + 1
	changed := []settle.SnapshotBinding{b}
	for i, other := range others {
		want := i + 1
		if i >= place {
			want++
		}
		if other.Rank != want {
			other.Rank = want
			changed = append(changed, other)
		}
	}
	return changed
}

// request takes a journalled request in.
func (w *work) takeRequest(r *request) error {
	var s settle.Snapshot
	for _, raw := range r.Bindings {
		b, err := feed.DecodeBinding(raw)
		if err != nil {
			return err
		}
		s.Bindings = append(s.Bindings, b)
	}
	if err := w.complete(&s); err != nil {
		return err
	}
	w.seed(s)
	w.requests.put(r.Venue+"/"+r.ID, r)
	w.used.put(r.MsgID, true)
	w.serial = max(w.serial, r.Serial)
	return nil
}

func (w *work) requestAnswer(r *request) (any, error) {
	out := nhsa.BindingAnswer{Binding: json.RawMessage("null"), State: r.State, Reason: r.Reason, NoBinding: r.None}
	if b := w.bindings.at(r.Binding); b != nil {
		encoded, err := feed.EncodeBinding(b.SnapshotBinding)
		if err != nil {
			return nil, err
		}
		out.Binding = encoded
	}
	return out, nil
}
