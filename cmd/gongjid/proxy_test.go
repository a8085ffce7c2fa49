package main

import (
	"errors"
	"strings"
	"testing"

	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
)

// TestProxyPurchaseInTheSandbox: somebody buys for the absent patient with the patient's card in the card reader and an identity
// card of her own on the ID reader; anybody else's card there is refused.
func TestProxyPurchaseInTheSandbox(t *testing.T) {
	s, _ := startSandbox(t)
	till := counterTill(t, s)
	till.insert(t, "1")
	var before uint64
	agentSeq := func(id string) uint64 {
		t.Helper()
		if err := s.Insert(id); err != nil {
			t.Fatal(err)
		}
		var seq uint64
		defer func() { before = seq }()
		err := till.until(t.Context(), "the identity card", func(client.Event) (bool, error) {
			answer, err := till.client.Reader(t.Context())
			if err != nil {
				return false, err
			}
			for _, r := range answer.Readers {
				if r.Role == "id" && r.State == "present" && r.Seq != before {
					seq = r.Seq
				}
			}
			return seq != 0, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return seq
	}
	agent := s.family.Agent
	sale := till.bill("PROXY-1")
	sale.Lines = sale.Lines[:1]
	sale.Proxy = &session.ProxyRequest{
		Agent: session.AgentRequest{IDNumber: agent.IDNumber, Name: agent.Name, Relation: "other"}, Documents: []string{"principal_id", "agent_id"},
		Reason: "elderly", IDReaderSeq: agentSeq(demoDocument),
	}
	_, _, err := till.client.Settle(t.Context(), session.SettleRequest{SaleRequest: sale})
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Reason != settle.EProxyDocs || !strings.Contains(problem.Message, "不是同一人") {
		t.Fatalf("the patient's own identity card passes for the agent's: %v", err)
	}
	sale.Proxy.IDReaderSeq = agentSeq(demoAgent)
	settled, _, err := till.client.Settle(t.Context(), session.SettleRequest{SaleRequest: sale})
	if err != nil || settled.Holder != "周**" {
		t.Fatalf("settled %+v, %v", settled, err)
	}
	if err := till.accepted(t.Context(), settled.SettlementID, "accepted"); err != nil {
		t.Error(err)
	}
}
