package settle

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// TraceRules are the rules of drug trace codes (药品追溯码).
type TraceRules struct {
	RequiredFrom    Date     `rule:"required_from"`
	FullFrom        Date     `rule:"full_from"` // from then on for sales paid in cash too
	OnSlip          bool     `rule:"on_slip"`
	NoCodeList      bool     `rule:"no_code_list"`
	Classes         []string `rule:"classes"`
	RejectDuplicate bool     `rule:"reject_duplicate"`
	// CodeForms are the forms a trace code may have, in the notation of data standards: n20 is 20 digits, an..30 up to 30 letters
	// or digits. Empty: any.
	CodeForms []string `rule:"code_forms"`
}

// CodeForm is one form of CodeForms.
type CodeForm struct {
	Letters bool // an: letters too
	AtMost  bool // ..: up to Length
	Length  int
}

// ParseCodeForm reads n20, n..20, an30 or an..30; ok is false for anything else.
func ParseCodeForm(text string) (form CodeForm, ok bool) {
	rest, letters := strings.CutPrefix(text, "an")
	if !letters {
		if rest, ok = strings.CutPrefix(text, "n"); !ok {
			return form, false
		}
	}
	rest, atMost := strings.CutPrefix(rest, "..")
	length, err := strconv.Atoi(rest)
	return CodeForm{Letters: letters, AtMost: atMost, Length: length}, err == nil && length > 0
}

// fits reports whether a code has the form.
func (f CodeForm) fits(code string) bool {
	if len(code) == 0 || len(code) > f.Length || !f.AtMost && len(code) != f.Length {
		return false
	}
	for _, c := range []byte(code) {
		digit := '0' <= c && c <= '9'
		letter := 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !digit && (!letter || !f.Letters) {
			return false
		}
	}
	return true
}

// codeForms are the policy's forms, read. A form that cannot be read fits nothing; policy files have been checked for it.
func (t *TraceRules) codeForms(into []CodeForm) []CodeForm {
	for _, text := range t.CodeForms {
		form, _ := ParseCodeForm(text)
		into = append(into, form)
	}
	return into
}

// fitsOne reports whether a code has one of the forms; no forms: any does.
func fitsOne(forms []CodeForm, code string) bool {
	for _, form := range forms {
		if form.fits(code) {
			return true
		}
	}
	return len(forms) == 0
}

// Traced reports whether the rules look at a line's trace codes on the day.
func (t *TraceRules) Traced(day Date, line *Line) bool {
	return day >= t.RequiredFrom && !line.NoCode && slices.Contains(t.Classes, line.Class)
}

// TraceFault is what is wrong with the trace codes of a bill.
type TraceFault struct {
	Reason Reason // empty: nothing
	Case   Case
	Rule   string // the policy key that says so
	Line   string // the first line with a fault, by its id
	Code   string // the code, where one is at fault
}

// Error is the refusal that the fault makes.
func (f *TraceFault) Error() *Error {
	e := Refused(f.Reason).In(f.Case).With("line", f.Line)
	if f.Code != "" {
		return e.With("trace_code", f.Code)
	}
	return e
}

// Fault finds the first line whose trace codes are missing, more than its packs, malformed, or already met in the bill
// (SEMANTICS 5.1, 5). What was sold before is the ledger's to say.
func (t *TraceRules) Fault(day Date, lines []Line) TraceFault {
	if day < t.RequiredFrom {
		return TraceFault{}
	}
	var read [4]CodeForm
	forms, met := t.codeForms(read[:0]), make(map[string]struct{}, codesOf(lines))
	for i := range lines {
		line := &lines[i]
		if !t.Traced(day, line) {
			continue
		}
		if fault := countFault(line); fault.Reason != "" {
			return fault
		}
		for _, code := range line.TraceCodes {
			if !fitsOne(forms, code) {
				return TraceFault{ETraceForm, CaseTraceForm, "trace.code_forms", line.ID, code}
			}
			if _, again := met[code]; again && t.RejectDuplicate {
				return TraceFault{ETraceDuplicate, CaseTraceTwice, "trace.reject_duplicate", line.ID, code}
			}
			met[code] = struct{}{}
		}
	}
	return TraceFault{}
}

func codesOf(lines []Line) (n int) {
	for i := range lines {
		n += len(lines[i].TraceCodes)
	}
	return n
}

// countFault compares a line's codes with its packs: a code for every pack and no further one. What is sold in parts may take
// the rest of one opened pack and go on in the next.
func countFault(line *Line) TraceFault {
	codes, packs, told := len(line.TraceCodes), line.packs(), line.Quantity != ""
	most := packs
	if line.SplitPack {
		most++
	}
	switch {
	case codes == 0, codes < packs && !line.SplitPack:
		return TraceFault{Reason: ETraceMissing, Case: CaseTraceMissing, Rule: "trace.required_from", Line: line.ID}
	case codes < packs:
		return TraceFault{Reason: ETraceMissing, Case: CaseTraceParts, Rule: "trace.required_from", Line: line.ID}
	case told && codes > most:
		return TraceFault{Reason: ETraceCount, Case: CaseTraceCount, Rule: "trace.required_from", Line: line.ID}
	}
	return TraceFault{}
}

// packs is how many packs a line's quantity touches: an opened one counts. A quantity that is not told, or is none, is one.
func (l *Line) packs() int {
	if l.Quantity == "" {
		return 1
	}
	if l.UnitsPerPack == "" {
		whole, parts, _ := strings.Cut(l.Quantity, ".")
		n, err := strconv.Atoi(whole)
		if err != nil {
			return 1
		}
		if strings.Trim(parts, "0") != "" {
			n++
		}
		return n
	}
	quantity, badQuantity := ParseQuantity(l.Quantity)
	size, badSize := ParseQuantity(l.UnitsPerPack)
	if badQuantity != nil || badSize != nil {
		return 1
	}
	return int(quantity.Div(size).Ceil().IntPart())
}

// WholePack is a whole pack in the parts in which an opened one (拆零) is counted.
const WholePack int64 = 1_000_000_000

// PackParts is a quantity of a line in parts of a pack, rounded down, so that the parts of a pack never sum to more than it.
// The error is that of a quantity.
func (l *Line) PackParts(quantity string) (int64, error) {
	q, err := ParseQuantity(quantity)
	if err != nil {
		return 0, err
	}
	size := decimal.NewFromInt(1)
	if l.UnitsPerPack != "" {
		if size, err = ParseQuantity(l.UnitsPerPack); err != nil {
			return 0, err
		}
	}
	return q.Mul(decimal.NewFromInt(WholePack)).Div(size).Floor().IntPart(), nil
}
