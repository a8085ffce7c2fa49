package ledger

import (
	"slices"
	"testing"
	"time"

	"gongji/settle"
)

// TestHousehold: what the centre tells of a binding is kept sealed, and a network's holder sees its members, a member the holder.
func TestHousehold(t *testing.T) {
	h := newHouse(t)
	s := h.next("S-2", noon.Add(time.Minute))
	toPatient, toChild := bind("B-2", h.spouse, h.patient, settle.Spouse, 2), bind("B-3", h.spouse, h.child, settle.Child, 1)
	toPatient.AuthMethod, toPatient.Network, toChild.Network = "face", "W-7001", "W-7001"
	s.Bindings = []settle.SnapshotBinding{toPatient, toChild}
	h.apply(s)

	view, err := h.Bindings(t.Context(), h.id(h.spouse))
	if err != nil || len(view.Households) != 1 {
		t.Fatalf("households %+v, %v", view.Households, err)
	}
	network := view.Households[0]
	names := []string{}
	for _, m := range network.Members {
		names = append(names, m.Masked+" "+string(m.Relation))
	}
	slices.Sort(names)
	want := []string{settle.MaskName(h.child.name) + " child", settle.MaskName(h.patient.name) + " spouse"}
	slices.Sort(want)
	if network.Network != "W-7001" || !network.IsHolder || network.Holder != settle.MaskName(h.spouse.name) || !slices.Equal(names, want) {
		t.Errorf("the holder sees %+v, want members %v", network, want)
	}
	if at := slices.IndexFunc(view.Bindings, func(b settle.BindingView) bool { return b.ID == "B-2" }); view.Bindings[at].AuthMethod != "face" {
		t.Errorf("bindings %+v", view.Bindings)
	}

	// Facts that tell nothing of it do not take it away.
	again := h.next("S-3", noon.Add(2*time.Minute))
	again.Bindings = []settle.SnapshotBinding{bind("B-2", h.spouse, h.patient, settle.Spouse, 2)}
	h.apply(again)
	view, err = h.Bindings(t.Context(), h.id(h.patient))
	if err != nil || len(view.Households) != 1 || view.Households[0].IsHolder || len(view.Households[0].Members) != 1 ||
		view.Households[0].Holder != settle.MaskName(h.spouse.name) {
		t.Errorf("the member sees %+v, %v", view.Households, err)
	}
	h.wantVerified()
}
