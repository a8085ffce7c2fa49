package settle

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation is one sentence of why a bill was split as it was: an account that was tried, a refusal, or a part of
// the bill that no account may pay. It names no person; the caller joins Account with a masked name.
type Explanation struct {
	Account   PersonID `json:"account,omitempty"` // empty: the bill as a whole, or the patient's cash
	Own       bool     `json:"own,omitempty"`
	Pot       Pot      `json:"pot,omitempty"`
	Line      string   `json:"line,omitempty"` // of a part that no account may pay
	Relation  string   `json:"relation,omitempty"`
	Payable   Fen      `json:"payable"`   // of the bill, when it was this account's turn
	Available Fen      `json:"available"` // what the account had for this bill
	Taken     Fen      `json:"taken"`
	Reason    Reason   `json:"reason,omitempty"`
	Rule      string   `json:"rule"` // the policy key that decided
	Source    Citation `json:"source"`
	Chinese   string   `json:"message"` // for the cashier
	English   string   `json:"english"` // for the integrator
}

// Citation says where the rule stands.
type Citation struct {
	Policy     string     `json:"policy,omitempty"`
	Confidence Confidence `json:"confidence,omitempty"`
	Titles     []string   `json:"titles,omitempty"`
	Note       string     `json:"note,omitempty"`
}

// Text is the citation in one line, such as "依据：某通知"; a value nobody found a source for says so.
func (c Citation) Text() string {
	switch {
	case len(c.Titles) > 0:
		return "依据：" + strings.Join(c.Titles, "；")
	case c.Confidence == ConfidenceAssumed:
		return "依据：未见公开规定，按通行做法设定"
	}
	return ""
}

// Explain tells of every account that was tried what it had, what was taken, why it stopped and which rule said so,
// and of every line that no account may pay, why. The explanations of cash sum to the plan's cash. plan must be MakePlan's answer to bill under rules. Like the plan it
// holds relatives' money; what a cashier may see of it is the caller's affair.
func Explain(rules *Rules, bill *Bill, plan *Plan) []Explanation {
	if plan.Refusal != "" {
		_, rule := refuse(rules, bill)
		sentence := ReasonSentences[plan.Refusal]
		return []Explanation{{
			Reason: plan.Refusal, Rule: rule, Source: rules.Cite(rule), Chinese: sentence.Message, English: sentence.English,
		}}
	}
	explained := make([]Explanation, 0, len(plan.Trials)+1)
	for i := range plan.Trials {
		explained = append(explained, explainTrial(rules, bill, &plan.Trials[i]))
	}
	unpayable := UnpayableOf(rules, bill, plan)
	for i := range unpayable {
		explained = append(explained, unpayable[i].explain(rules))
	}
	if cash, some := explainCash(bill, plan, unpayable); some {
		explained = append(explained, cash)
	}
	return explained
}

// Cite is where the value of a policy key comes from.
func (r *Rules) Cite(rule string) Citation {
	if law, isLaw := lawCitations[rule]; isLaw {
		return Citation{Policy: "law", Confidence: ConfidenceGov, Titles: []string{law}}
	}
	origin, known := r.Provenance[rule]
	for !known && strings.HasPrefix(rule, "scope.") && !strings.HasSuffix(rule, ".classes") {
		rule += ".classes"
		origin, known = r.Provenance[rule]
	}
	citation := Citation{Policy: origin.Policy, Confidence: origin.Confidence, Note: origin.Note}
	for _, code := range origin.Src {
		citation.Titles = append(citation.Titles, r.Sources[code].Title)
	}
	return citation
}

// lawCitations are the sources of the rules that no policy holds.
var lawCitations = map[string]string{
	RuleLockedVenue:  "国办发〔2021〕14号：个人账户限定点医药机构使用",
	RuleLockedPerson: "医疗保障基金使用监督管理条例第十七条：凭本人医疗保障凭证就医购药",
	RuleLockedStatus: "已故、冻结、注销的账户不得支付",
	RuleLockedParty:  "社会保险法第三十条：应当由第三人负担的不纳入支付",
	RuleCentre:       "中心结算：联机时以医保中心的结算结果为准",
	RuleGiverKind:    "国办发〔2021〕14号：共济的是职工医保个人账户",
	RuleExcluded:     "国办发〔2021〕14号：个人账户不得用于公共卫生、体育健身、养生保健等支出",
}

// RuleExcluded is the rule key of the classes that no account ever pays.
const RuleExcluded = "law.excluded_classes"

// explainTrial is the sentence about one account.
func explainTrial(rules *Rules, bill *Bill, trial *Trial) Explanation {
	e := Explanation{
		Account: trial.Account, Own: trial.Own, Pot: trial.Pot, Payable: trial.Payable, Available: trial.Available,
		Taken: trial.Taken, Reason: trial.Reason, Rule: trial.Rule, Source: rules.Cite(trial.Rule),
	}
	who, whoEnglish := "本人账户", "The patient's own account"
	if !trial.Own {
		e.Relation = giverTitle(bill, trial.Account)
		who, whoEnglish = "共济账户（"+e.Relation+"）", "The giver's account"
	}
	if trial.Pot == PotDifference {
		who, whoEnglish = "中心结算的差额", "What the centre took beyond our facts"
	} else if name := potNames[trial.Pot]; name != "" && trial.Own && trial.Pot != PotBalance {
		who += "的" + name
		whoEnglish += " (" + string(trial.Pot) + " money)"
	}
	why, whyEnglish := trialReason(trial)
	e.Chinese = fmt.Sprintf("%s可用 %s 元，轮到时账单可付 %s 元，实付 %s 元：%s", who, trial.Available, trial.Payable, trial.Taken, why)
	e.English = fmt.Sprintf("%s had %s yuan available when %s yuan were payable; %s yuan were taken: %s",
		whoEnglish, trial.Available, trial.Payable, trial.Taken, whyEnglish)
	return e
}

var potNames = map[Pot]string{
	PotBalance: "余额", PotCurrent: "当年余额", PotPrior: "历年余额", PotMutual: "共济账户余额",
	PotQuota: "医保钱包额度",
}

// giverTitle is what the giver is to the patient.
func giverTitle(bill *Bill, giver PersonID) string {
	at := slices.IndexFunc(bill.Bindings, func(b Binding) bool {
		return b.Giver == giver && b.Beneficiary == bill.Patient.ID
	})
	if at < 0 {
		return "未绑定"
	}
	return bill.Bindings[at].Relation.GiverTitle()
}

// Why is in Chinese why the account stopped where it did.
func (t *Trial) Why() string {
	chinese, _ := trialReason(t)
	return chinese
}

// trialReason is why an account stopped where it did.
func trialReason(trial *Trial) (chinese, english string) {
	switch {
	case trial.Rule == RuleCentre && trial.Pot == PotDifference:
		return "中心结算：中心已从账户支付这笔钱，本机资料看不出是哪个账户，已列入待办。", "Settled by the centre; no account known here can have paid it, so it is on the work list."
	case trial.Rule == RuleCentre:
		return "中心结算：按医保中心的结果支付。", "Settled by the centre; its figures stand."
	case trial.Rule == RulePharmacyYear:
		return "已到本年度药店使用账户的限额。", "The yearly limit of account money at pharmacies was reached."
	case trial.Taken == 0 && trial.Reason != "":
		sentence := ReasonSentences[trial.Reason]
		return sentence.Message, sentence.English
	case trial.Payable == 0:
		return "账单上没有这个账户可以支付的部分。", "Nothing on the bill is payable from it."
	case trial.Taken == trial.Payable:
		return "已付清可付部分。", "Everything payable was paid."
	case trial.Rule == RuleLockedStatus:
		return "账户状态为已故、冻结或注销，不得支付。", "An account of its status never pays."
	case trial.Rule == "own.status_ok":
		return "账户状态不能支付。", "An account of its status may not pay in this region."
	case trial.Rule == "own_med_groups":
		return "这类就医不能用个人账户支付。", "Own money is barred for this group of treatment."
	case trial.Reason == KCap:
		return "已到共济限额。", "A cap on shared money was reached."
	case trial.Rule == "reserve.min_after":
		return "已用到须保留的最低余额。", "The floor that the giver keeps was reached."
	case trial.Rule == "caps.giver_limit_scope":
		return "已用到共济人自己设定的限额。", "The giver's own spending limit was reached."
	}
	return "可用的钱已用完。", "Its available money is used up."
}

// explainCash is the last sentence: what the patient pays in cash beside the parts that no account may pay.
func explainCash(bill *Bill, plan *Plan, unpayable []Unpayable) (e Explanation, some bool) {
	rest := plan.Cash
	for i := range unpayable {
		rest -= unpayable[i].Amount
	}
	e = Explanation{Payable: rest, Taken: rest, Rule: "cash"}
	switch {
	case plan.Cash == 0:
		e.Chinese, e.English = "无须付现金。", "No cash is due."
	case rest == 0:
		return e, false
	case bill.NoAccounts:
		e.Rule = "use_accounts"
		e.Chinese = fmt.Sprintf("本单不使用个人账户，现金 %s 元。", rest)
		e.English = fmt.Sprintf("The till asked that no account pays; %s yuan are cash.", rest)
	case len(plan.Pays) == 0:
		e.Chinese = fmt.Sprintf("没有账户支付，%s 元付现金。", rest)
		e.English = fmt.Sprintf("No account paid; %s yuan are cash.", rest)
	default:
		e.Chinese = fmt.Sprintf("账户支付后余下 %s 元付现金。", rest)
		e.English = fmt.Sprintf("%s yuan that no account covered are cash.", rest)
	}
	return e, true
}
