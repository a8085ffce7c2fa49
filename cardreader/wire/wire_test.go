package wire_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gongji/cardreader/internal/golden"
	"gongji/cardreader/wire"
)

// words decodes items that end with a full stop.
type words struct{ wire.Buffer }

func (w *words) Next() (string, bool) {
	i := bytes.IndexByte(w.Held(), '.')
	if i < 0 {
		return "", false
	}
	return string(w.Take(i + 1)), true
}

// over returns a connection over a line and what it traced.
func over(line wire.Line) (*wire.Conn[string], *[]string) {
	var traced []string
	return wire.New(line, new(words), wire.Options[string]{
		Timeout: golden.IsTimeout, MaxDrain: 20 * time.Millisecond,
		Trace: func(_ bool, raw []byte, name string) { traced = append(traced, string(raw)+" "+name) },
	}), &traced
}

func soon() time.Time { return time.Now().Add(time.Second) }

func TestNextTellsSpoiltFromSilent(t *testing.T) {
	c, traced := over(&golden.Tape{RX: []byte("one.two.thr")})
	for _, want := range []string{"one.", "two."} {
		if got, err := c.Next(t.Context(), soon()); err != nil || got != want {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
	}
	if _, err := c.Next(t.Context(), soon()); !errors.Is(err, wire.ErrSpoilt) || !strings.Contains(err.Error(), "half-way") {
		t.Errorf("half a frame: %v", err)
	}
	if len(*traced) != 1 || !strings.HasPrefix((*traced)[0], "thr thrown away") {
		t.Errorf("traced %q", *traced)
	}
	if _, err := c.Next(t.Context(), soon()); !errors.Is(err, wire.ErrSilent) {
		t.Errorf("after the half frame: %v", err)
	}
}

// What follows a spoilt frame is thrown away with it: it belongs to the same answer.
func TestSpoiltClearsTheLine(t *testing.T) {
	line := &golden.Tape{RX: []byte("one.")}
	dropped := 0
	c := wire.New(line, new(words), wire.Options[string]{Timeout: golden.IsTimeout, MaxDrain: time.Second, Dropped: func() { dropped++ }})
	if _, err := c.Next(t.Context(), soon()); err != nil {
		t.Fatal(err)
	}
	line.RX = []byte("left over.")
	if err := c.Spoilt(t.Context(), "checksum"); !errors.Is(err, wire.ErrSpoilt) || !strings.Contains(err.Error(), "checksum") {
		t.Error(err)
	}
	if len(line.RX) != 0 || dropped != 1 {
		t.Errorf("%q left, told %d times", line.RX, dropped)
	}
}

var errGone = errors.New("test: line is gone")

// gone is a line whose cable was pulled; talker one that never falls silent.
type (
	gone   struct{ golden.Tape }
	talker struct{ golden.Tape }
)

func (*gone) Read(context.Context, []byte, time.Time) (int, error) { return 0, errGone }

func (*talker) Read(_ context.Context, p []byte, _ time.Time) (int, error) { return copy(p, "la"), nil }

func TestALineThatIsGoneIsNeitherSpoiltNorSilent(t *testing.T) {
	c, _ := over(new(gone))
	_, err := c.Next(t.Context(), soon())
	for what, err := range map[string]error{
		"next": err, "drain": c.Drain(t.Context()), "spoilt": c.Spoilt(t.Context(), "x"), "idle": c.Idle(t.Context(), time.Second),
	} {
		if !errors.Is(err, errGone) || errors.Is(err, wire.ErrSpoilt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestALineThatNeverFallsSilentIsGivenUp(t *testing.T) {
	c, traced := over(new(talker))
	if err := c.Drain(t.Context()); err != nil || len(*traced) == 0 {
		t.Errorf("%v, %d traced", err, len(*traced))
	}
	if err := c.Idle(t.Context(), time.Millisecond); err != nil {
		t.Error(err)
	}
}
