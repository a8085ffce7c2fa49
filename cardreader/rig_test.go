package cardreader_test

import (
	"context"
	"flag"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gongji/cardreader"
	"gongji/cardreader/virtual"
)

// TestMain lets more tests run at a time than there are processors: they wait for lines, not for each other.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait; a working machine is far faster.
const patience = 15 * time.Second

// rig is a virtual reader on a pseudo-terminal and the supervised reader at its other end.
type rig struct {
	t       *testing.T
	virtual *virtual.Reader
	reader  *cardreader.Reader
	events  <-chan cardreader.Event
	opts    cardreader.Options
}

// newRig starts both; change may alter the options first.
func newRig(t *testing.T, v virtual.Options, change func(*cardreader.Options)) *rig {
	t.Helper()
	v.Link = filepath.Join(t.TempDir(), "reader")
	vr, err := virtual.NewReader(v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vr.Close(); err != nil {
			t.Error(err)
		}
	})
	opts := cardreader.Options{Name: "counter-1", Kind: vr.Kind(), Port: v.Link}
	if change != nil {
		change(&opts)
	}
	g := &rig{t: t, virtual: vr, opts: opts}
	if g.reader, err = cardreader.New(opts); err != nil {
		t.Fatal(err)
	}
	var end func()
	g.events, end = g.reader.Subscribe(64)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.reader.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		began := time.Now()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("Run ended %v after its context", took)
		}
		end()
	})
	return g
}

// next waits for the next event, which must be of this kind.
func (g *rig) next(kind cardreader.EventKind) cardreader.Event {
	g.t.Helper()
	select {
	case e := <-g.events:
		if e.Kind != kind {
			g.t.Fatalf("event %s (%v), want %s", e.Kind, e.Fault, kind)
		}
		return e
	case <-time.After(patience):
		g.t.Fatalf("no %s; status %+v", kind, g.reader.Status())
	}
	return cardreader.Event{}
}

// until waits for an event of this kind, whatever comes before it.
func (g *rig) until(kind cardreader.EventKind) cardreader.Event {
	g.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-g.events:
			if e.Kind == kind {
				return e
			}
		case <-deadline:
			g.t.Fatalf("no %s; status %+v", kind, g.reader.Status())
		}
	}
}

// complete waits until the reading of the card in the reader is over.
func (g *rig) complete() cardreader.Credential {
	g.t.Helper()
	var c cardreader.Credential
	g.eventually("a complete credential", func() bool {
		s := g.reader.Status()
		if s.Credential == nil || !s.Credential.Complete {
			return false
		}
		c = *s.Credential
		return true
	})
	return c
}

// eventually waits for a condition.
func (g *rig) eventually(what string, holds func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			g.t.Fatalf("never: %s; status %+v", what, g.reader.Status())
		}
	}
}

// must is for calls that cannot fail in a test.
func (g *rig) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// card makes a card of an invented person.
func card(version string) virtual.Card {
	return virtual.SocialCard(virtual.Person{IDNumber: "11010519491231002X", Name: "王小芳", Number: "A12345678",
		Identifier: "430100D15600000500BF7C7A48FB4966", Version: version, IssuedOn: "2024-01-01", ExpiresOn: "2034-01-01"})
}

// daughter is another person's card.
func daughter() virtual.Card {
	return virtual.SocialCard(virtual.Person{IDNumber: "440524188001010014", Name: "陈明", Number: "B87654321",
		Identifier: "430100D15600000500AA11BB01020304", Version: "1.00", IssuedOn: "2024-01-01", ExpiresOn: "2034-01-01"})
}

func other(t *testing.T, kind string) virtual.Card {
	t.Helper()
	c, err := virtual.OtherCard(kind)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
