package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gongji/settle"
)

// lockedKey is a rule that is law. A file may repeat it, never change it.
type lockedKey struct {
	text string // the value as a file would write it
	why  string
	src  []string
}

// lockedByLaw are the rules that no region file can loosen. They are not fields of settle.Rules, because nothing reads
// them: the planner has no other way.
var lockedByLaw = map[string]lockedKey{
	"person_match.required":    {"true", "the patient's own credential is national law", []string{"L1", "Z000"}},
	"venue.agreement_required": {"true", "only designated institutions settle", []string{"N1", "Z000"}},
	"giver.kind":               {"[employee]", "only an employee's personal account has money to share", []string{"N1", "Z000"}},
	"scope.excluded":           {"[" + strings.Join(settle.Excluded, " ") + "]", "public health, fitness, food and goods of daily use are never paid", []string{"N1"}},
	"refund.cash_out":          {"false", "account money is never paid out in cash", []string{"L1"}},
	"fund.shared":              {"false", "the fund's part comes from the patient's own insurance only", []string{"Z000"}},
	"giver.status_locked":      {"[deceased frozen closed]", "an account of these statuses never pays", []string{"L1c"}},
}

func (l lockedKey) holds(value any) bool {
	if list, ok := value.([]any); ok {
		return fmt.Sprint(list) == l.text
	}
	return fmt.Sprint(value) == l.text
}

// forms are texts with a form of their own.
var forms = map[string]*regexp.Regexp{
	"binding.effective_delay": regexp.MustCompile(`^(now|minutes:\d{1,5}|next_day)$`),
	"binding.default_term":    regexp.MustCompile(`^(unlimited|days:\d{1,5})$`),
	"year.start":              regexp.MustCompile(`^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`),
	"wallet.quiet_hours":      regexp.MustCompile(`^[0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d$`),
	"area.allow_list":         regexp.MustCompile(`^\d{6}-\d{6}$`),
}

// checkText is the check of texts that have a form.
func checkText(key string, value any) error {
	form := forms[key]
	if form == nil {
		return nil
	}
	items := itemTexts(value)
	if text, ok := value.(string); ok {
		items = []string{text}
	}
	if i := slices.IndexFunc(items, func(s string) bool { return !form.MatchString(s) }); i >= 0 {
		return fmt.Errorf("%q does not have the form %s", items[i], form)
	}
	return nil
}
