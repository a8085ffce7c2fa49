package session

import (
	"context"
	"encoding/json"
	"errors"

	"gongji/cardreader"
	"gongji/settle"
)

// agentIdentity is the sealed content of settle.Proxy.AgentSealed.
type agentIdentity struct {
	IDNumber string `json:"id_number"`
	Name     string `json:"name"`
	Phone    string `json:"phone"`
}

// sealProxy replaces the agent's identity by mask, hash and seal. earlier is the stored proxy of a repeat: where it is the
// same agent its seal is kept, since two seals of one text differ.
func (s *Session) sealProxy(p parsedSale, earlier *settle.Proxy) (*settle.Proxy, error) {
	if p.proxy == nil {
		return nil, nil
	}
	proxy := &settle.Proxy{
		AgentMasked: settle.MaskName(p.proxy.Agent.Name), AgentHash: s.o.Ledger.Index(kindAgent, p.agent.Reveal()),
		Relation: p.proxy.Agent.Relation, Reason: p.proxy.Reason, IDReaderSeq: p.proxy.IDReaderSeq,
		Signature: p.proxy.Signature,
	}
	if phone := p.proxy.Agent.Phone; phone != "" {
		proxy.AgentPhoneHash = s.o.Ledger.Index(kindAgent, "phone|"+phone)
	}
	if earlier != nil && earlier.AgentHash == proxy.AgentHash {
		proxy.AgentSealed = earlier.AgentSealed
		return proxy, nil
	}
	data, err := json.Marshal(agentIdentity{p.agent.Reveal(), p.proxy.Agent.Name, p.proxy.Agent.Phone})
	if err != nil {
		return nil, settle.NewError(settle.StoreBroken, errors.New("agent does not encode"))
	}
	if proxy.AgentSealed, err = s.o.Ledger.Seal(kindAgent, data); err != nil {
		return nil, refusal(err)
	}
	return proxy, nil
}

// agentIsAnother: nobody buys for themselves in their own absence. BAD_REQUEST.
func (s *Session) agentIsAnother(ctx context.Context, p *parsedSale, patient settle.PersonID) error {
	if p.proxy == nil {
		return nil
	}
	agent, err := s.prescribedTo(ctx, p.agent)
	if err != nil || agent != patient {
		return err
	}
	var f faults
	f.add("proxy.agent.id_number", "代购人不能是患者本人；患者本人在场请不要填代购。", "is the patient's own")
	return f.err()
}

// checkAgent compares the agent with the identity card on the ID reader. Where no such reader is configured, or it is down,
// typed documents do. BAD_REQUEST without id_reader_seq, CARD_REMOVED when the card has moved since, RULE_REFUSED with
// E_PROXY_DOCS when it is somebody else's.
func (s *Session) checkAgent(p parsedSale, terminal string) error {
	if p.proxy == nil {
		return nil
	}
	reader, err := s.pick(cardreader.RoleID, terminal)
	if isCode(err, settle.NotConfigured) {
		return nil
	}
	if err != nil {
		return err
	}
	status := reader.Reader.Status()
	if status.State == cardreader.StateDown {
		return nil
	}
	if p.proxy.IDReaderSeq == 0 {
		var f faults
		f.add("proxy.id_reader_seq", "请把代购人的身份证放在身份证阅读器上。", "is required while an ID reader is up")
		return f.err()
	}
	if status.State != cardreader.StatePresent || status.Seq != p.proxy.IDReaderSeq || status.Credential == nil {
		return settle.NewError(settle.CardRemoved, nil).With("reader", reader.Name)
	}
	number, _ := settle.ParseIDNumber(status.Credential.IDNumber)
	sameName := settle.FoldName(status.Credential.Name) == settle.FoldName(p.proxy.Agent.Name)
	if number.Reveal() != p.agent.Reveal() || !sameName {
		return settle.Refused(settle.EProxyDocs).In(settle.CaseAgentDiffers).With("differs", "agent")
	}
	return nil
}
