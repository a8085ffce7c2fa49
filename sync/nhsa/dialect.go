package nhsa

import (
	"fmt"
	"slices"
	"strings"

	"gongji/settle"
)

// Dialect is one centre's reading of the national interface: what the interface leaves open, and how the centre words
// what the interface has no code for. The zero value is no dialect; take one from [NewDialect] or [DefaultDialect].
type Dialect struct {
	Version  string // infver: V1.0, 1.0 or 1.0.0
	Receiver string // recer_sys_code
	MsgID    string // MsgIDNational or MsgIDMillisecond
	Path     string // PathSingle or PathPerInfno
	Input    string // InputObject or InputText

	RefundFlag     string // refd_setl_flag in 3201: FlagAbsent, FlagLower or FlagUpper
	ReconcileSum   string // last sum of 3201: SumAccount or SumCash
	ReconcileCount string // fixmedins_setl_cnt: CountRows or CountNet
	DetailColumns  string // of a 3202 result row: ColumnsResultFirst or ColumnsFlagFirst

	// FundIncludesAccount: fund_pay_sumamt has the personal account inside it (Guangdong). CheckFunds holds answers
	// against identities 3 to 5 in that manner; it is off where nobody has said which manner the centre has.
	FundIncludesAccount bool
	CheckFunds          bool

	TracePlace string // trace codes of 2102: TraceNode (beside the lines) or TraceLine (inside)
	TraceName  string // name of that node
	VisitInfno string // the number of 2203: 2203, 2203A or 2203B

	// Texts that say something. A text matches when it contains one of the phrases, or begins with one of the prefixes;
	// none of them is ever taken as proof that money did or did not move.
	SignInTexts           []string // the sign-in number is missing or has run out
	UnknownTexts          []string // the centre does not have this transaction
	RepeatedTexts         []string // the msgid was used before, so an earlier copy of the message may have been booked
	NotFoundPrefixes      []string // 2601: the original does not exist
	NotReversiblePrefixes []string // 2601: the original cannot be undone
	PassingTexts          []string // a refused row of 3505 or 3506, or such a message, may be taken later
	RepeatedRowTexts      []string // a row of 3505 or 3506 is there already
}

// The forms that centres differ in.
const (
	MsgIDNational    = "national"    // code (12), second (14), serial (4)
	MsgIDMillisecond = "millisecond" // code (12), millisecond (17), serial (1)

	PathSingle   = "single"    // one URL for all transactions
	PathPerInfno = "per_infno" // the number is appended to the URL

	InputObject = "object"
	InputText   = "text" // JSON inside a JSON text

	FlagAbsent = "absent"
	FlagLower  = "lower" // refd_setl_flag
	FlagUpper  = "upper" // REFD_SETL_FLAG

	SumAccount = "acct_pay"
	SumCash    = "cash_payamt"

	CountRows = "rows" // a cancellation is a row of its own
	CountNet  = "net"  // a settlement and its cancellation count nothing

	ColumnsResultFirst = "result_first" // stmt_rslt, refd_setl_flag
	ColumnsFlagFirst   = "flag_first"   // refd_setl_flag, stmt_rslt

	TraceNode = "node"
	TraceLine = "line"
)

// Presets are the names that [NewDialect] knows.
var Presets = []string{"national", "hubei", "guangdong", "shenzhen", "zhejiang"}

// DefaultDialect is the national preset.
func DefaultDialect() Dialect {
	return Dialect{
		Version: "V1.0", Receiver: "GONGJI", MsgID: MsgIDNational, Path: PathSingle, Input: InputObject,
		RefundFlag: FlagLower, ReconcileSum: SumAccount, ReconcileCount: CountRows, DetailColumns: ColumnsResultFirst,
		TracePlace: TraceNode, TraceName: "drug_trac_info", VisitInfno: InfnoVisit,
		SignInTexts:           []string{"[SIGNIN]", "签到"},
		UnknownTexts:          []string{"[INFNO]", "交易编号不存在", "未知交易", "不支持的交易", "交易不存在"},
		RepeatedTexts:         []string{"[MSGID-REPEATED]", "报文ID重复", "msgid重复", "报文重复"},
		NotFoundPrefixes:      []string{"[2601-NOTFOUND]"},
		NotReversiblePrefixes: []string{"[2601-NOTREVERSIBLE]"},
		PassingTexts:          []string{"繁忙", "稍后", "超时", "请重试", "系统异常"},
		RepeatedRowTexts:      []string{"重复", "已上传", "已存在"},
	}
}

// preset is what a province does otherwise than the national text, as far as its clients show it.
func preset(name string) (Dialect, error) {
	d := DefaultDialect()
	d.CheckFunds = name != "" && name != "national"
	switch name {
	case "", "national", "zhejiang": // Zhejiang differs in its gateway (x-ca) and not in its messages
	case "hubei":
		d.Input = InputText
	case "guangdong":
		d.Path, d.ReconcileSum, d.RefundFlag, d.FundIncludesAccount = PathPerInfno, SumCash, FlagUpper, true
	case "shenzhen":
		d.MsgID, d.RefundFlag, d.FundIncludesAccount = MsgIDMillisecond, FlagAbsent, true
	default:
		return Dialect{}, fmt.Errorf("dialect preset is none of %s", strings.Join(Presets, ", "))
	}
	return d, nil
}

// DialectOverrides are the keys of a configuration; what is empty is left to the preset.
type DialectOverrides struct {
	InfVer, RecerSysCode, Msgid, Path, Input                  string
	RefdSetlFlag, ReconcileSum, ReconcileCount, DetailColumns string
	FundIncludesAccount                                       *bool
	TracePlace, TraceName, VisitInfno                         string
	NotFoundPrefixes, NotReversiblePrefixes                   []string
}

// NewDialect is a preset (the empty name: national) with its overrides. Saying which manner of fund totals a centre has
// switches their check on. The error is NOT_CONFIGURED and names every key that is wrong.
func NewDialect(name string, o DialectOverrides) (Dialect, error) {
	d, err := preset(name)
	if err != nil {
		return Dialect{}, settle.NewError(settle.NotConfigured, err)
	}
	var wrong []string
	set := func(key string, target *string, value string, choices ...string) {
		if value == "" {
			return
		}
		if len(choices) > 0 && !slices.Contains(choices, value) {
			wrong = append(wrong, fmt.Sprintf("%s is none of %s", key, strings.Join(choices, ", ")))
			return
		}
		*target = value
	}
	set("infver", &d.Version, o.InfVer)
	set("recer_sys_code", &d.Receiver, o.RecerSysCode)
	set("msgid", &d.MsgID, o.Msgid, MsgIDNational, MsgIDMillisecond)
	set("path", &d.Path, o.Path, PathSingle, PathPerInfno)
	set("input", &d.Input, o.Input, InputObject, InputText)
	set("refd_setl_flag", &d.RefundFlag, o.RefdSetlFlag, FlagAbsent, FlagLower, FlagUpper)
	set("reconcile_sum", &d.ReconcileSum, o.ReconcileSum, SumAccount, SumCash)
	set("reconcile_count", &d.ReconcileCount, o.ReconcileCount, CountRows, CountNet)
	set("detail_columns", &d.DetailColumns, o.DetailColumns, ColumnsResultFirst, ColumnsFlagFirst)
	set("trace_place", &d.TracePlace, o.TracePlace, TraceNode, TraceLine)
	if d.TracePlace == TraceLine {
		d.TraceName = "drugtracinfo"
	}
	set("trace_name", &d.TraceName, o.TraceName)
	set("visit_infno", &d.VisitInfno, o.VisitInfno, InfnoVisit, InfnoVisitA, InfnoVisitB)
	if o.FundIncludesAccount != nil {
		d.FundIncludesAccount, d.CheckFunds = *o.FundIncludesAccount, true
	}
	if len(o.NotFoundPrefixes) > 0 {
		d.NotFoundPrefixes = o.NotFoundPrefixes
	}
	if len(o.NotReversiblePrefixes) > 0 {
		d.NotReversiblePrefixes = o.NotReversiblePrefixes
	}
	if len(wrong) > 0 {
		return Dialect{}, settle.NewError(settle.NotConfigured, fmt.Errorf("upstream.dialect: %s", strings.Join(wrong, "; ")))
	}
	return d, nil
}

// Dialect is how the client's centre reads the interface.
func (c *Client) Dialect() *Dialect { return c.options.Dialect }

// SignInRefused reports whether the centre asks for a sign-in first.
func (c *Client) SignInRefused(o Outcome) bool { return refusedWith(o, c.options.Dialect.SignInTexts) }

// TransactionUnknown reports whether the centre does not have the transaction at all.
func (c *Client) TransactionUnknown(o Outcome) bool {
	return refusedWith(o, c.options.Dialect.UnknownTexts)
}

// MessageRepeated reports whether the centre has seen the msgid before.
func (c *Client) MessageRepeated(o Outcome) bool {
	return refusedWith(o, c.options.Dialect.RepeatedTexts)
}

// OriginalNotFound reports whether a 2601 was refused because the centre does not know the original. It is no proof:
// the message may still be on its way. It says that a reconciliation result is worth asking for.
func (c *Client) OriginalNotFound(o Outcome) bool {
	return o.Refused() && beginsWith(o.Answer.Text, c.options.Dialect.NotFoundPrefixes)
}

// OriginalNotReversible reports whether a 2601 was refused because the original cannot be undone any more.
func (c *Client) OriginalNotReversible(o Outcome) bool {
	return o.Refused() && beginsWith(o.Answer.Text, c.options.Dialect.NotReversiblePrefixes)
}

func beginsWith(text string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return prefix != "" && strings.HasPrefix(text, prefix) })
}

func refusedWith(o Outcome, phrases []string) bool {
	return o.Refused() && containsAny(o.Answer.Text, phrases)
}

func containsAny(text string, phrases []string) bool {
	return slices.ContainsFunc(phrases, func(phrase string) bool { return phrase != "" && strings.Contains(text, phrase) })
}
