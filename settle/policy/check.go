package policy

import (
	"errors"
	"fmt"
	"slices"

	"gongji/settle"
)

// Check reads policy files as if they were laid over the embedded regions and returns every mistake in them, with
// file and line. No problem: the files can be used. A file that cannot be read is a problem too.
func Check(names ...string) []Problem {
	base, err := embeddedInputs()
	if err != nil {
		return []Problem{{Message: err.Error()}}
	}
	var own []input
	var problems []Problem
	for _, name := range names {
		inputs, err := readInputs([]string{name})
		if err != nil {
			problems = append(problems, Problem{File: name, Message: errors.Unwrap(err).Error()})
			continue
		}
		own = append(own, inputs...)
	}
	_, found := assemble(base, own)
	for _, p := range found {
		if slices.Contains(names, p.File) {
			problems = append(problems, p)
		}
	}
	return problems
}

// check finds the mistakes that one file alone does not show: parents, versions, sources, differences without a source.
func (s *Set) check() (problems []Problem) {
	for _, id := range s.Regions() {
		versions := s.files[id]
		for i, f := range versions {
			fault := func(line int, key, format string, args ...any) {
				problems = append(problems, Problem{File: f.path, Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
			}
			if i > 0 && versions[i-1].holds(f.from) {
				fault(f.line, "effective_from", "overlaps the version in %s", versions[i-1].path)
			}
			s.checkParent(f, fault)
			s.checkEntries(f, fault)
			s.checkPots(f, fault)
		}
	}
	return problems
}

type faultFunc func(line int, key, format string, args ...any)

func (s *Set) checkParent(f *file, fault faultFunc) {
	if f.parent == "" {
		return
	}
	if len(s.files[f.parent]) == 0 {
		fault(f.line, "parent", "there is no policy %q", f.parent)
		return
	}
	if f.from == 0 { // said already; without it no version of the parent is the right one
		return
	}
	if _, err := s.chain(f.id, f.from); err != nil {
		fault(f.line, "parent", "%s", rootCause(err))
	}
}

func rootCause(err error) error {
	for {
		cause := errors.Unwrap(err)
		if cause == nil {
			return err
		}
		err = cause
	}
}

// checkEntries wants a source of every value that differs from the parent's, and no day with two values of one key.
func (s *Set) checkEntries(f *file, fault faultFunc) {
	for i := range f.entries {
		e := &f.entries[i]
		for _, code := range e.src {
			if _, known := s.sources[code]; !known {
				fault(e.line, e.key, "source %q is not in sources", code)
			}
		}
		for j := range i {
			if o := &f.entries[j]; o.key == e.key && (o.to == 0 || e.from <= o.to) && (e.to == 0 || o.from <= e.to) {
				fault(e.line, e.key, "has two values on the same day; the other is in line %d", o.line)
			}
		}
		if e.hasValue && len(e.src) == 0 && !e.assumed && s.differs(f, e) {
			fault(e.line, e.key, "differs from the parent's value and needs src or assumed: true")
		}
	}
}

// checkPots wants the pot of a mutual account named only where the region's accounts have one: an order that draws on a pot
// which no account has would be read as a rule and do nothing.
func (s *Set) checkPots(f *file, fault faultFunc) {
	for i := range f.entries {
		e := &f.entries[i]
		if e.key != "own.pot_order" && e.key != "share_from" {
			continue
		}
		rules, err := s.resolve(f.id, max(f.from, e.from))
		if err != nil || rules.Pots == settle.PotsCurrentPriorMutual {
			continue
		}
		if e.key == "own.pot_order" && slices.Contains(rules.Own.PotOrder, settle.PotMutual) ||
			e.key == "share_from" && rules.ShareFrom == settle.ShareMutualOnly {
			fault(e.line, e.key, "draws on a mutual account, which takes pots: current_prior_mutual")
		}
	}
}

// differs reports whether an entry changes what the file inherits on the entry's first day. What cannot be compared
// counts as different.
func (s *Set) differs(f *file, e *entry) bool {
	if _, locked := lockedByLaw[e.key]; locked {
		return false
	}
	day := max(f.from, e.from)
	inherited := settle.DefaultRules()
	if versions := s.files[f.parent]; day == 0 && len(versions) > 0 {
		day = versions[len(versions)-1].from
	}
	if f.parent != "" {
		parent, err := s.resolve(f.parent, day)
		if err != nil {
			return true
		}
		inherited = parent
	}
	changed := inherited.Clone()
	if err := assign(changed, e.key, e.value); err != nil {
		return true
	}
	return !sameValue(inherited, changed, fieldByKey[e.key])
}
