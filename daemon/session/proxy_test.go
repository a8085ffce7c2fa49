package session_test

import (
	"context"
	"testing"

	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// A repeat with another telephone of the agent is another sale; the number itself is kept sealed and hashed alone.
func TestAgentsPhoneBelongsToTheSale(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	bought := func(phone string) session.SettleRequest {
		request := sale("S1", "10.00")
		request.Proxy = &session.ProxyRequest{
			Agent:     session.AgentRequest{IDNumber: Stranger.IDNumber, Name: Stranger.Name, Phone: phone, Relation: "sibling"},
			Documents: []string{"principal_id", "agent_id"}, Reason: "elderly", Signature: "F-1",
		}
		return request
	}
	first := r.mustSettle(bought("13800000001"))
	if hash := first.Sale.Proxy.AgentPhoneHash; hash == "" || hash == "13800000001" {
		t.Errorf("the phone is kept as %q", hash)
	}
	if _, replayed, err := r.Settle(context.Background(), bought("13800000001")); err != nil || !replayed {
		t.Errorf("the same phone: %v %v", replayed, err)
	}
	_, _, err := r.Settle(context.Background(), bought("13800000002"))
	if e := wantCode(t, err, settle.IdempotencyConflict); e.Members["field"] != "proxy.agent.phone" {
		t.Errorf("members %v", e.Members)
	}
}
