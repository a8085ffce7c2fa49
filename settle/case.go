package settle

import (
	"fmt"
	"strings"
	"time"
)

// Case is a way in which a code or reason comes about that needs another sentence than the code's own: because it can name what
// stands (a settlement, a line, a day), or because the code's sentence speaks of somebody else.
type Case string

// The cases.
const (
	CaseSaleSettled      Case = "sale_settled"      // ALREADY_SETTLED
	CaseSaleOther        Case = "sale_other"        // IDEMPOTENCY_CONFLICT of a sale
	CaseTraceSold        Case = "trace_sold"        // E_TRACE_DUPLICATE: by another sale
	CaseTraceTwice       Case = "trace_twice"       // E_TRACE_DUPLICATE: in this bill
	CaseTraceMissing     Case = "trace_missing"     // E_TRACE_MISSING: of whole packs
	CaseTraceParts       Case = "trace_parts"       // E_TRACE_MISSING: of parts of a pack
	CaseTraceCount       Case = "trace_count"       // E_TRACE_COUNT
	CaseTraceForm        Case = "trace_form"        // E_TRACE_FORM
	CaseTracePack        Case = "trace_pack"        // E_TRACE_PACK
	CaseAgentDiffers     Case = "agent_differs"     // E_PROXY_DOCS: the identity card is another person's
	CasePayerBarred      Case = "payer_barred"      // E_PREMIUM_BALANCE: may not pay for this relative at all
	CasePayerCard        Case = "payer_card"        // PERSON_CARD_MISMATCH: a contribution's payer
	CasePremiumCancelled Case = "premium_cancelled" // ALREADY_REVERSED: a contribution
	CasePremiumYear      Case = "premium_year"      // E_PREMIUM_WINDOW: neither this year nor the next
	CasePremiumWindow    Case = "premium_window"    // E_PREMIUM_WINDOW: not today
	CaseRefundLine       Case = "refund_line"       // REFUND_OVER: the sale has no such line
)

// CaseSentences has one entry for every Case. {name} stands for the member of that name; status and retryable are the code's.
var CaseSentences = map[Case]Sentence{
	CaseSaleSettled: {
		Message: "单号 {sale_id} 已于 {settled_at} 结算：结算号 {settlement_id}，凭条号 {receipt_no}。",
		Hint:    "不要重复收款；补打凭条请按结算号查询。另外一笔买卖、或撤销后重新结算，请用新单号。",
		English: "Sale {sale_id} was settled at {settled_at}: settlement {settlement_id}, receipt {receipt_no}.",
	},
	CaseSaleOther: {
		Message: "单号 {sale_id} 已于 {settled_at} 结算（结算号 {settlement_id}），这次的内容与那张单不同。",
		Hint:    "请先看已结算的那张单；另外一笔买卖请收银系统换一个新单号。",
		English: "Sale {sale_id} was settled at {settled_at} as {settlement_id} with other content; member field names the difference.",
	},
	CaseTraceSold: {
		Message: "追溯码 {trace_code} 已在 {settled_at} 卖出：结算号 {settlement_id}，单号 {sale_id}。",
		Hint:    "请核对实物；若是同一笔买卖重复录入，那一笔已经结算。退货后的药须先办退货才能再卖。",
		English: "Trace code {trace_code} was sold at {settled_at} by settlement {settlement_id}.",
	},
	CaseTraceTwice: {
		Message: "第 {line} 行的追溯码 {trace_code} 在本单里扫了两次。",
		Hint:    "请核对实物：一盒药一个追溯码，删去重复的一次。",
		English: "Trace code {trace_code} is in this bill twice, again on line {line}.",
	},
	CaseTraceMissing: {
		Message: "第 {line} 行的药品缺追溯码，不能医保结算。",
		Hint:    "请扫描每一盒药的追溯码；确属无码商品的请登记为无码。",
		English: "Line {line} has fewer trace codes than packs.",
	},
	CaseTraceParts: {
		Message: "第 {line} 行拆零的数量比扫的盒数多，缺追溯码。",
		Hint:    "数量按片、粒计的请填每盒数量；跨两盒的请把两盒的追溯码都扫上。",
		English: "Line {line} sells parts of more packs than it has trace codes; quantity counts packs unless units_per_pack says otherwise.",
	},
	CaseTraceCount: {
		Message: "第 {line} 行的追溯码比卖出的盒数多。",
		Hint:    "一盒药一个追溯码：请删去多扫的，或改正数量；拆零销售请标明拆零。",
		English: "Line {line} has more trace codes than packs.",
	},
	CaseTraceForm: {
		Message: "第 {line} 行的 {trace_code} 不是药品追溯码。",
		Hint:    "请扫药盒上的药品追溯码，不要扫商品条码，也不要手工编造。",
		English: "Line {line}: {trace_code} does not have the form of a trace code.",
	},
	CaseTracePack: {
		Message: "第 {line} 行：追溯码 {trace_code} 这盒药已拆零卖出 {sold} 盒，剩下的不够这次的数量。",
		Hint:    "请核对数量和每盒数量；这盒卖完后请开新的一盒并加扫它的追溯码。",
		English: "Line {line}: {sold} of pack {trace_code} is sold already; what is left of it is less than this quantity.",
	},
	CaseAgentDiffers: {
		Message: "身份证阅读器上的身份证与登记的代购人不是同一人。",
		Hint:    "请把代购人本人的身份证放在阅读器上，并核对登记的姓名和身份证号。",
		English: "The identity card on the reader is not the agent's.",
	},
	CasePayerBarred: {
		Message: "代缴人的账户不能为这位家人缴费：{why_message}",
		Hint:    "请核对双方的共济绑定；换一位已绑定的家人代缴，或到税务渠道缴费。",
		English: "The payer's account may not pay for this relative: {why}.",
	},
	CasePayerCard: {
		Message: "人卡不一致：这张卡不是代缴人本人的。",
		Hint:    "撤销代缴须由当时出钱的人出示本人的社保卡；卡不在时请店长用无卡方式办理并写明原因。",
		English: "The card does not belong to the payer of the contribution.",
	},
	CasePremiumCancelled: {
		Message: "这笔代缴已经撤销（撤销单号 {cancellation_id}）。",
		Hint:    "无需再撤；钱已退回代缴人的账户。",
		English: "The contribution is already cancelled by {cancellation_id}.",
	},
	CasePremiumYear: {
		Message: "只能代缴 {allowed} 年度的保费，不能缴 {asked} 年度。",
		Hint:    "请核对缴费年度；其他年度请到税务渠道或经办机构办理。",
		English: "Contributions are taken for {allowed} only, not for {asked}.",
	},
	CasePremiumWindow: {
		Message: "今天不在集中缴费期内：{windows}。",
		Hint:    "请在缴费期内办理；急需参保的请到税务渠道或经办机构咨询。",
		English: "Today is outside the collection window: {windows}.",
	},
	CaseRefundLine: {
		Message: "这笔结算里没有可退的第 {line} 行。",
		Hint:    "请核对行号：不是这一单卖出的，或已全部退过。",
		English: "The settlement has no line {line} that could still come back.",
	},
}

// In is the error as this case of its code.
func (e *Error) In(c Case) *Error {
	e.Case = c
	return e
}

// Naming adds what names a settlement: its id, receipt number, sale id and time.
func (e *Error) Naming(id, receipt, sale string, at time.Time) *Error {
	return e.With("settlement_id", id).With("receipt_no", receipt).With("sale_id", sale).
		With("settled_at", at.In(Beijing).Format("2006-01-02 15:04"))
}

// SettledBefore is ALREADY_SETTLED, naming the settlement that stands.
func SettledBefore(s *Settlement) *Error {
	return NewError(AlreadySettled, nil).In(CaseSaleSettled).Naming(s.ID, s.ReceiptNo, s.Sale.ID, s.At)
}

// OtherSale is IDEMPOTENCY_CONFLICT of a sale id that was settled with other content; field names the difference.
func OtherSale(field string, s *Settlement) *Error {
	return NewError(IdempotencyConflict, nil).With("field", field).In(CaseSaleOther).Naming(s.ID, s.ReceiptNo, s.Sale.ID, s.At)
}

// tell puts the case's words in the place of the code's.
func (e *Error) tell(sentence Sentence) Sentence {
	words, known := CaseSentences[e.Case]
	if !known {
		return sentence
	}
	pairs := make([]string, 0, 2*len(e.Members))
	for name, value := range e.Members {
		pairs = append(pairs, "{"+name+"}", fmt.Sprint(value))
	}
	fill := strings.NewReplacer(pairs...)
	sentence.Message, sentence.English = fill.Replace(words.Message), fill.Replace(words.English)
	if words.Hint != "" {
		sentence.Hint = fill.Replace(words.Hint)
	}
	return sentence
}
