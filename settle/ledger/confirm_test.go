package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gongji/settle"
)

func TestPreviewAndConfirmABinding(t *testing.T) {
	h := newHouse(t)
	h.rules.Confirm.Steps = []string{"bind", "unbind"}
	order := h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling)
	_, _, err := h.RequestBinding(t.Context(), order)
	wantCode(t, err, settle.RuleRefused, settle.EConfirmMissing)
	view, err := h.PreviewBinding(t.Context(), order)
	if err != nil || len(view.ConfirmDigest) != 64 || view.ValidFrom != 20261122 || view.BeneficiaryMasked == "" {
		t.Fatalf("preview %+v, %v", view, err)
	}
	if _, err := h.Request(t.Context(), "Q1"); settle.CodeOf(err) != settle.NotFound {
		t.Errorf("the preview was booked: %v", err)
	}
	order.Confirmed = view.ConfirmDigest
	other := order
	other.Request.Rank = 9
	_, _, err = h.RequestBinding(t.Context(), other)
	if e := wantCode(t, err, settle.RuleRefused, settle.EConfirmChanged); e.Members["confirm_digest"] == view.ConfirmDigest {
		t.Error("another rank has the same digest")
	}
	if made := h.request(order); made.State != settle.RequestPending || made.ConfirmDigest != "" {
		t.Errorf("made %+v", made)
	}
	if _, replayed, err := h.RequestBinding(t.Context(), order); err != nil || !replayed {
		t.Errorf("replay %v %v", replayed, err)
	}
	h.wantVerified()
}

// What a preview shows is refused as the request would be, and who works the till is no part of what was confirmed.
func TestPreviewRefusesWhatTheRequestWould(t *testing.T) {
	h := newHouse(t)
	order := h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling)
	first, err := h.PreviewBinding(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	again := order
	again.Request.ID, again.Request.Operator = "Q2", settle.Operator{ID: "1002"}
	second, err := h.PreviewBinding(t.Context(), again)
	if err != nil || first.ConfirmDigest != second.ConfirmDigest {
		t.Errorf("digests differ: %v", err)
	}
	order.Request.Commitment = false
	_, err = h.PreviewBinding(t.Context(), order)
	wantCode(t, err, settle.RuleRefused, settle.EBindingProof)
}

// The notice, how the giver was authenticated, the relative's contact and the network are in the record, sealed.
func TestWhatIsKeptWithARequest(t *testing.T) {
	h := newHouse(t)
	h.rules.Notices.Binding = settle.Notice{ID: "GD-GJ", Version: "2", Required: true}
	order := h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling)
	_, _, err := h.RequestBinding(t.Context(), order)
	wantCode(t, err, settle.RuleRefused, settle.EBindingNotice)
	r := &order.Request
	r.Notice, r.AuthMethod, r.Network = settle.NoticeRead{ID: "GD-GJ", Version: "2", ReadBy: "giver"}, "face", "W-330100-1"
	r.Contact = settle.Contact{Phone: "13800000001", HouseholdNumber: "HK-5550001", HouseholdAddress: "示例路一号"}
	h.request(order)
	h.reopen()
	kept, err := h.Request(t.Context(), "Q1")
	if err != nil || kept.Notice != r.Notice || kept.AuthMethod != "face" || kept.Contact != r.Contact || kept.Network != r.Network {
		t.Errorf("kept %+v, %v", kept.BindingRequest, err)
	}
	r.Contact.Phone = "13800000002"
	_, _, err = h.RequestBinding(t.Context(), order)
	if e := wantCode(t, err, settle.IdempotencyConflict); e.Members["field"] != "contact.phone" {
		t.Errorf("members %v", e.Members)
	}
	h.wantVerified()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(h.options.Dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // a socket or a directory
		}
		for _, secret := range []string{"13800000001", "HK-5550001", "示例路一号"} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s stands in clear in %s", secret, filepath.Base(name))
			}
		}
	}
}
