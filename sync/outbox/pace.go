package outbox

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// How a message's way and the counter on the same machine bound what is done at once.
const (
	leastRoom = 2
	tripEach  = 4 * time.Millisecond  // of a message's way keep one more on it
	nearTrip  = 25 * time.Millisecond // a centre that answers within is near
	longTrip  = 50 * time.Millisecond // a message that takes longer holds nobody back
)

// A backlog beside a counter leaves at a pace: as fast as the machine can it would keep every processor busy, and a sale would wait for
// one wherever it goes on. At this pace what a shop has sold in a day without the centre is there within seconds.
const (
	beat      = 420 * time.Microsecond // from one message to the next
	mostBeats = 16                     // that are made up for where messages were held up
)

// metronome says when the next message may leave.
type metronome struct {
	mu   sync.Mutex
	next time.Time
}

// wait is how long a message that is there now has to wait.
func (m *metronome) wait(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if oldest := now.Add(-mostBeats * beat); m.next.Before(oldest) {
		m.next = oldest
	}
	wait := m.next.Sub(now)
	m.next = m.next.Add(beat)
	return wait
}

// keepPace waits for a message's time to leave, where there is a counter. It does not outlast ctx.
func (w *Worker) keepPace(ctx context.Context) {
	if w.options.GiveWay == nil {
		return
	}
	wait := w.metronome.wait(time.Now())
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// took notes how long a message was on its way.
func (w *Worker) took(trip time.Duration) {
	before := time.Duration(w.trip.Load())
	if before == 0 {
		before = trip
	}
	w.trip.Store(int64(before + (trip-before)/16))
}

// lanes is how many messages may be on their way at once. A centre that answers at once needs few to be kept busy, and more would
// only take the machine from the counter; a far one needs many.
func (w *Worker) lanes(longest time.Duration) int {
	trip := time.Duration(w.trip.Load())
	if w.options.GiveWay == nil || trip == 0 || longest > longTrip {
		return w.options.Parallel
	}
	return min(w.options.Parallel, leastRoom+int(trip/tripEach))
}

// desks is on how many processors the outbox works at once: a counter on the same machine has the others.
func desks(counter bool) int {
	if counter {
		return max(1, runtime.GOMAXPROCS(0)/2)
	}
	return runtime.GOMAXPROCS(0)
}

// sit waits for a processor that the outbox may work with, and returns what gives it back. It does not outlast ctx.
func (w *Worker) sit(ctx context.Context) (rise func()) {
	select {
	case w.desk <- struct{}{}:
		return func() { <-w.desk }
	case <-ctx.Done():
		return func() {}
	}
}

// gate lets as many messages leave at once as there are lanes.
type gate struct {
	mu      sync.Mutex
	since   []time.Time // when those on their way left, oldest first
	waiting []chan struct{}
}

// enter waits for a lane; ok is false where ctx has ended. lanes is asked with how long the oldest message is on its way.
func (g *gate) enter(ctx context.Context, lanes func(longest time.Duration) int) (left time.Time, ok bool) {
	for {
		left, free := g.try(lanes)
		if free == nil {
			return left, true
		}
		again := time.NewTimer(longTrip) // then there may be more lanes
		select {
		case <-free:
		case <-again.C:
		case <-ctx.Done():
		}
		again.Stop()
		if g.forget(free); ctx.Err() != nil {
			return left, false
		}
	}
}

// try takes a lane, or a place among those who wait, which is closed when a lane is free.
func (g *gate) try(lanes func(longest time.Duration) int) (now time.Time, free chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now = time.Now()
	var longest time.Duration
	if len(g.since) > 0 {
		longest = now.Sub(g.since[0])
	}
	if len(g.since) < lanes(longest) {
		g.since = append(g.since, now)
		return now, nil
	}
	free = make(chan struct{})
	g.waiting = append(g.waiting, free)
	return now, free
}

// forget gives a place up; one that was called is none any more.
func (g *gate) forget(free chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, free); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
}

// leave gives a lane back and calls who waits first.
func (g *gate) leave(left time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.IndexFunc(g.since, left.Equal); i >= 0 {
		g.since = slices.Delete(g.since, i, i+1)
	}
	if len(g.waiting) > 0 {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
	}
}
