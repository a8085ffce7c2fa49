package session

import (
	"fmt"
	"slices"

	"gongji/settle"
)

// relations are the kinds of relatives that any policy may name; which of them the region allows, the policy says.
var relations = append(slices.Clone(settle.Relations), settle.SpouseParent)

// Check lists every bad field of the request. It is pure.
func (r *BindRequest) Check() []settle.FieldFault {
	var f faults
	r.parse(&f)
	return f
}

// parse reads the request; the people are not in it yet.
func (r *BindRequest) parse(f *faults) (request settle.BindingRequest, beneficiary settle.IDNumber) {
	f.request(r.RequestID, r.Terminal, r.Operator, r.WaitSeconds)
	beneficiary = f.relative(&r.Beneficiary)
	if !slices.Contains(relations, settle.Relation(r.Relation)) {
		f.add("relation", "不是已知的亲属关系。", "is not a kind of near relative")
	}
	if r.Rank < 0 || r.Rank > 99 {
		f.add("rank", "顺位须在 0 到 99 之间。", "must be between 0 and 99")
	}
	if len(r.Evidence) > 10 {
		f.add("evidence", "证明材料太多。", "has more than 10 items")
	}
	for i, kind := range r.Evidence {
		if i < 10 && !checkText.MatchString(kind) {
			f.add(fmt.Sprintf("evidence[%d]", i), "证明材料代码不正确。", "must match "+checkText.String())
		}
	}
	f.confirm(&r.ConfirmRequest)
	return settle.BindingRequest{
		ID: r.RequestID, POS: r.POS, Action: settle.BindingBind, Relation: settle.Relation(r.Relation), Rank: r.Rank,
		Limit: f.limit(r.Limit), ValidFrom: f.date("valid_from", r.ValidFrom), ValidTo: f.date("valid_to", r.ValidTo),
		Commitment: r.Commitment, Evidence: r.Evidence, Operator: settle.Operator(r.Operator), Notice: f.notice(r.Notice),
		AuthMethod: f.authMethod(r.AuthMethod), Contact: f.contact(r.Contact), Network: f.network(r.Network),
	}, beneficiary
}

// Check lists every bad field of the request. It is pure.
func (r *ChangeBindingRequest) Check() []settle.FieldFault {
	var f faults
	r.parse(&f)
	return f
}

func (r *ChangeBindingRequest) parse(f *faults) settle.BindingRequest {
	f.request(r.RequestID, r.Terminal, r.Operator, r.WaitSeconds)
	request := settle.BindingRequest{
		ID: r.RequestID, POS: r.POS, Binding: r.Binding, Action: settle.BindingReorder, Rank: r.Rank, Operator: settle.Operator(r.Operator),
	}
	asked := 0
	for _, is := range []bool{r.Rank != 0, r.Limit != "", r.NoLimit} {
		if is {
			asked++
		}
	}
	if asked != 1 {
		f.add("rank", "须填写 rank、limit、no_limit 中的一项。", "exactly one of rank, limit and no_limit is required")
	}
	if r.Rank < 0 || r.Rank > 99 {
		f.add("rank", "顺位须在 1 到 99 之间。", "must be between 1 and 99")
	}
	f.confirm(&r.ConfirmRequest)
	if r.Rank == 0 {
		request.Action, request.Limit = settle.BindingLimit, f.limit(r.Limit)
	}
	return request
}

// Check lists every bad field of the request. It is pure.
func (r *EndBindingRequest) Check() []settle.FieldFault {
	var f faults
	r.parse(&f)
	return f
}

func (r *EndBindingRequest) parse(f *faults) settle.BindingRequest {
	f.request(r.RequestID, r.Terminal, r.Operator, r.WaitSeconds)
	reason := r.EndReason
	switch reason {
	case "":
		reason = settle.EndOther
	case settle.EndDivorce, settle.EndDeath, settle.EndOther:
	default:
		f.add("end_reason", "解绑原因须为 divorce、death 或 other。", "must be divorce, death or other")
	}
	f.confirm(&r.ConfirmRequest)
	return settle.BindingRequest{
		ID: r.RequestID, POS: r.POS, Binding: r.Binding, Action: settle.BindingUnbind, EndReason: reason, Operator: settle.Operator(r.Operator),
		Notice: f.notice(r.Notice),
	}
}

// Check lists every bad field of the request. It is pure.
func (r *PremiumRequest) Check() []settle.FieldFault {
	var f faults
	r.parse(&f)
	return f
}

func (r *PremiumRequest) parse(f *faults) (premium settle.Premium, beneficiary settle.IDNumber) {
	f.id("premium_id", r.PremiumID)
	f.text("terminal", r.Terminal, 32, true)
	f.operator(r.Operator)
	f.wait(r.WaitSeconds)
	f.selected(r.Selected)
	beneficiary = f.relative(&r.Beneficiary)
	kind := r.Kind
	if kind == "" {
		kind = settle.KindResident
	}
	if !checkText.MatchString(kind) {
		f.add("kind", "险种代码不正确。", "must match "+checkText.String())
	}
	if r.Year < 2020 || r.Year > 2100 {
		f.add("year", "缴费年度不正确。", "must be between 2020 and 2100")
	}
	if len(r.Categories) > 10 {
		f.add("categories", "人员类别太多。", "has more than 10 items")
	}
	for i, category := range r.Categories {
		if i < 10 && !checkText.MatchString(category) {
			f.add(fmt.Sprintf("categories[%d]", i), "人员类别代码不正确。", "must match "+checkText.String())
		}
	}
	amount, good := f.money("amount", r.Amount, true)
	if good && amount <= 0 {
		f.add("amount", "金额须大于 0。", "must be above 0")
	}
	return settle.Premium{
		ID: r.PremiumID, POS: r.POS, Kind: kind, Year: r.Year, Amount: amount, Operator: settle.Operator(r.Operator),
		Categories: slices.Clone(r.Categories), StillDue: r.StillDue,
	}, beneficiary
}

// Check lists every bad field of the request. It is pure.
func (r *CancelPremiumRequest) Check() []settle.FieldFault {
	var f faults
	f.id("cancellation_id", r.CancelID)
	f.returnCommon(r.Terminal, r.Operator, r.Reason, r.WithoutCard, r.WaitSeconds)
	f.confirm(&r.ConfirmRequest)
	return f
}

// Check lists every bad field of the request. It is pure.
func (r *CloseAttentionRequest) Check() []settle.FieldFault {
	var f faults
	f.operator(r.Operator)
	f.text("note", r.Note, 500, true)
	return f
}

func (f *faults) request(id, terminal string, operator OperatorRequest, wait int) {
	f.id("request_id", id)
	f.text("terminal", terminal, 32, true)
	f.operator(operator)
	f.wait(wait)
}

func (f *faults) relative(r *RelativeRequest) settle.IDNumber {
	f.text("beneficiary.name", r.Name, 50, true)
	return f.idNumber("beneficiary.id_number", r.IDNumber, true)
}

// limit reads a giver's limit; an empty text is none. A limit of 0.00 lets nothing be spent.
func (f *faults) limit(text string) settle.Cap {
	if text == "" {
		return settle.Cap{}
	}
	amount, good := f.money("limit", text, true)
	if good && amount < 0 {
		f.add("limit", "限额不能为负。", "must not be negative")
	}
	return settle.CapOf(amount)
}
