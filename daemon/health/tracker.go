// Package health knows what is wrong with the counter and says it in words that help: standing warnings with cause and
// remedy, and whether the daemon is ready.
//
// A warning is a state, not an event: it is set while the trouble lasts and cleared when it ends, by whichever room
// notices. It shows only after its delay and only while nothing that explains it shows already, so that one broken line
// is one warning and not five.
//
// Ready means that settling can work. A daemon that is offline, or whose reader is unplugged, is ready with a warning:
// a supervisor that restarted it for that would take away what still works. Nothing here holds an identity, an account
// or an amount, since readiness is told to callers without a token.
package health

import (
	"sort"
	"strings"
	"sync"
	"time"
)

// Args fill the {places} of a warning's texts. They are shown to callers without a token: no identities, no money.
type Args map[string]string

// Tracker holds the standing warnings. Its methods may be called from any goroutine.
type Tracker struct {
	now func() time.Time

	mu     sync.Mutex
	active map[identity]*standing
}

// identity: one warning may stand for several subjects, such as two readers.
type identity struct {
	code    Code
	subject string
}

type standing struct {
	since time.Time
	args  Args
}

// NewTracker is a tracker without warnings. now is the clock that delays are measured with; nil is time.Now.
func NewTracker(now func() time.Time) *Tracker {
	if now == nil {
		now = time.Now
	}
	return &Tracker{now: now, active: map[identity]*standing{}}
}

// Set raises a warning, or renews the arguments of one that stands; its time of beginning stays. The subject tells
// warnings of one code apart (a reader's name) and is empty where there can be one only. An unknown code panics: it is a
// mistake in the program, and every code is a constant of this package.
func (t *Tracker) Set(code Code, subject string, args Args) {
	if _, known := Kinds[code]; !known {
		panic("health: unknown code " + string(code))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	id := identity{code, subject}
	if s, stands := t.active[id]; stands {
		s.args = args
		return
	}
	t.active[id] = &standing{since: t.now(), args: args}
}

// Clear ends a warning; clearing what does not stand does nothing.
func (t *Tracker) Clear(code Code, subject string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.active, identity{code, subject})
}

// Put sets the warning while wrong is true and clears it otherwise.
func (t *Tracker) Put(wrong bool, code Code, subject string, args Args) {
	if wrong {
		t.Set(code, subject, args)
		return
	}
	t.Clear(code, subject)
}

// Shown is a warning as people see it, its texts filled in.
type Shown struct {
	Code     Code      `json:"code"`
	Subject  string    `json:"subject,omitempty"`
	Severity Severity  `json:"severity"`
	Since    time.Time `json:"since"`
	Texts              // Chinese
	English  Texts     `json:"english"`
}

// Texts are the words of a warning in one language.
type Texts struct {
	Title  string `json:"title"`
	Text   string `json:"text"`
	Cause  string `json:"cause"`
	Remedy string `json:"remedy"`
}

// Warnings are the warnings that show now, the worst first, then the oldest.
func (t *Tracker) Warnings() []Shown {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	list := []Shown{}
	for id, s := range t.active {
		if t.visible(id.code, s, now) {
			list = append(list, show(id, s))
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		switch {
		case a.Severity != b.Severity:
			return weight[a.Severity] > weight[b.Severity]
		case !a.Since.Equal(b.Since):
			return a.Since.Before(b.Since)
		case a.Code != b.Code:
			return a.Code < b.Code
		}
		return a.Subject < b.Subject
	})
	return list
}

var weight = map[Severity]int{Notice: 1, Warning: 2, Blocking: 3}

// visible: the delay is over and nothing that explains the warning is visible itself.
func (t *Tracker) visible(code Code, s *standing, now time.Time) bool {
	kind := Kinds[code]
	if now.Sub(s.since) < kind.Delay {
		return false
	}
	for _, cause := range kind.DependsOn {
		for id, other := range t.active {
			if id.code == cause && t.visible(cause, other, now) {
				return false
			}
		}
	}
	return true
}

func show(id identity, s *standing) Shown {
	kind := Kinds[id.code]
	return Shown{
		Code: id.code, Subject: id.subject, Severity: kind.Severity, Since: s.since,
		Texts: Texts{
			Title: fill(kind.Title.Chinese, s.args), Text: fill(kind.Text.Chinese, s.args),
			Cause: fill(kind.Cause.Chinese, s.args), Remedy: fill(kind.Remedy.Chinese, s.args),
		},
		English: Texts{
			Title: fill(kind.Title.English, s.args), Text: fill(kind.Text.English, s.args),
			Cause: fill(kind.Cause.English, s.args), Remedy: fill(kind.Remedy.English, s.args),
		},
	}
}

func fill(text string, args Args) string {
	for name, value := range args {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// Ready reports whether settling can work: no blocking warning shows.
func (t *Tracker) Ready() bool {
	for _, w := range t.Warnings() {
		if w.Severity == Blocking {
			return false
		}
	}
	return true
}
