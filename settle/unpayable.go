package settle

import (
	"fmt"
	"slices"
)

// Unpayable is a part of a line that is cash because no account may pay it: its class or bucket is in no scope.
type Unpayable struct {
	Line   string `json:"line"`
	Class  string `json:"class"`
	Amount Fen    `json:"amount"`
	Reason Reason `json:"reason"` // K_CLASS, K_CLASS_UNKNOWN or K_BUCKET
	Rule   string `json:"rule"`   // the policy key that decided
}

// UnpayableOf lists what of a bill's cash no account may pay, line by line. plan must be the answer to bill under rules.
func UnpayableOf(rules *Rules, bill *Bill, plan *Plan) (list []Unpayable) {
	if bill.NoAccounts || bill.ThirdParty || plan.Cash == 0 {
		return nil
	}
	kinds := []scopeKind{scopeShared}
	for _, pot := range rules.Own.PotOrder {
		kinds = append(kinds, scopeOf(bill.Patient.ID, pot, bill.Patient.ID))
	}
	for i := range bill.Lines {
		line := &bill.Lines[i]
		covered := coveredBy(rules, line, kinds, bill.MedGroup)
		var barred Fen
		for b, amount := range line.Personal {
			if covered&(1<<b) == 0 {
				barred += amount
			}
		}
		// A centre that settled past our scopes may have left less of it to cash.
		if barred = min(barred, plan.LineCash[line.ID]); barred > 0 {
			list = append(list, rules.unpayable(bill.MedGroup, line, barred, covered == 0))
		}
	}
	return list
}

// coveredBy is the set of a line's buckets that any of the scopes covers.
func coveredBy(rules *Rules, line *Line, kinds []scopeKind, group MedGroup) (covered uint8) {
	for _, kind := range kinds {
		scope := rules.Scope.of(kind)
		covered |= rules.cover(kind, &scope, scope.bucketBits(), line, group)
	}
	return covered
}

func (r *Rules) unpayable(group MedGroup, line *Line, barred Fen, wholeClass bool) Unpayable {
	u := Unpayable{Line: line.ID, Class: line.Class, Amount: barred, Reason: KBucket, Rule: "scope.default.full_ok"}
	if wholeClass {
		u.Reason, u.Rule = KClass, "scope.default.classes"
	}
	if group == Pharmacy && r.Scope.Pharmacy.narrows(line.Class) == 0 {
		u.Rule = "scope.pharmacy.classes"
	}
	if rule := r.lineBarred(line); rule != "" {
		u.Rule = rule
	}
	switch {
	case slices.Contains(Excluded, line.Class):
		u.Reason, u.Rule = KClass, RuleExcluded
	case !r.knowsClass(line.Class):
		u.Reason, u.Rule = KClassUnknown, "scope.default.classes"
	}
	return u
}

// knowsClass reports whether a class of goods is one that the rules speak of: in a scope, traced, excluded, or with a rule of its
// own. Any other is most likely a mistake in the till's list of goods.
func (r *Rules) knowsClass(class string) bool {
	switch class {
	case ClassVaccine, ClassTCMSlices, ClassDeposit:
		return true
	}
	s := &r.Scope
	for _, scope := range [...]*Scope{&s.Default, &s.OwnBalance, &s.OwnCurrent, &s.OwnPrior, &s.OwnMutual, &s.Shared, &s.Pharmacy} {
		if slices.Contains(scope.Classes, class) || slices.Contains(scope.FullOK, class) {
			return true
		}
	}
	return slices.Contains(Excluded, class) || slices.Contains(nationalClasses, class) || slices.Contains(r.Trace.Classes, class)
}

// nationalClasses are the classes of the national baseline, which a region may leave out of every scope.
var nationalClasses = defaultScope().Classes

// Sentences say in Chinese for the cashier and in English for the integrator why the part is cash.
func (u *Unpayable) Sentences() (chinese, english string) {
	why := ReasonSentences[u.Reason]
	chinese = fmt.Sprintf("第 %s 行有 %s 元须付现金：%s", u.Line, u.Amount, why.Message)
	english = fmt.Sprintf("%s yuan of line %s are cash: %s", u.Amount, u.Line, why.English)
	if u.Reason == KClassUnknown {
		chinese += "类别：" + u.Class + "。"
		english += " Class: " + u.Class + "."
	}
	return chinese, english
}

func (u *Unpayable) explain(rules *Rules) Explanation {
	e := Explanation{Line: u.Line, Payable: u.Amount, Reason: u.Reason, Rule: u.Rule, Source: rules.Cite(u.Rule)}
	e.Chinese, e.English = u.Sentences()
	return e
}
