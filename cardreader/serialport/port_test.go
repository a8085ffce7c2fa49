package serialport

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a driver whose reads are a script; when that is over, they are idle.
type fake struct {
	reads  []func([]byte) (int, error)
	block  chan struct{} // writes and Close wait for it when set
	closes int
}

func (f *fake) Read(p []byte) (int, error) {
	if len(f.reads) == 0 {
		return idle(p)
	}
	r := f.reads[0]
	f.reads = f.reads[1:]
	return r(p)
}

func (f *fake) Write(p []byte) (int, error) {
	if f.block != nil {
		<-f.block
	}
	return len(p), nil
}

func (f *fake) Flush() error { return nil }

func (f *fake) Close() error {
	f.closes++
	if f.block != nil {
		<-f.block
	}
	return nil
}

// idle is what the driver does on Linux when nothing comes; hungUp when the line is gone. Windows returns no error when idle.
func idle([]byte) (int, error)        { time.Sleep(step); return 0, io.EOF }
func idleWindows([]byte) (int, error) { time.Sleep(step); return 0, nil }
func hungUp([]byte) (int, error)      { return 0, io.EOF }
func data(p []byte) (int, error)      { return copy(p, "ok"), nil }

func repeat(n int, r func([]byte) (int, error)) (list []func([]byte) (int, error)) {
	for range n {
		list = append(list, r)
	}
	return list
}

func TestIdleIsToldFromHangUp(t *testing.T) {
	soon := func() time.Time { return time.Now().Add(150 * time.Millisecond) }
	for name, c := range map[string]struct {
		reads []func([]byte) (int, error)
		want  error
	}{
		"idle":                {nil, ErrTimeout},
		"idle on Windows":     {repeat(3, idleWindows), ErrTimeout},
		"hung up":             {repeat(earlyReads, hungUp), ErrGone},
		"one empty read":      {append(repeat(earlyReads-1, hungUp), idle), ErrTimeout},
		"empty, then data":    {append(repeat(earlyReads-1, hungUp), data), nil},
		"hardware error":      {repeat(1, func([]byte) (int, error) { return 0, errors.New("input/output error") }), ErrGone},
		"idle, then hung up":  {append(repeat(1, idle), repeat(earlyReads, hungUp)...), ErrGone},
		"bytes, then nothing": {repeat(1, data), nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPort(&fake{reads: c.reads}, lineLock{})
			n, err := p.Read(t.Context(), make([]byte, 8), soon())
			if !errors.Is(err, c.want) || (err == nil) != (n > 0) {
				t.Errorf("%d bytes, %v; want %v", n, err, c.want)
			}
		})
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	p := newPort(&fake{}, lineLock{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	began := time.Now()
	if _, err := p.Read(ctx, make([]byte, 1), began.Add(time.Minute)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*step {
		t.Errorf("took %v", took)
	}
}

func TestCloseNeverHangs(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	p := newPort(&fake{block: stuck}, lineLock{})
	began := time.Now()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > closeTimeout+time.Second {
		t.Errorf("took %v", took)
	}
	if _, err := p.Read(t.Context(), make([]byte, 1), time.Now().Add(time.Second)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := p.Write(t.Context(), []byte{1}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestStuckWriteIsGone(t *testing.T) {
	stuck := make(chan struct{})
	p := newPort(&fake{block: stuck}, lineLock{})
	if err := p.Write(t.Context(), []byte{1}); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	close(stuck)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
