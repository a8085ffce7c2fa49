package centre

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FaultKind is something that goes wrong on the way or at the centre, for rehearsals and tests.
type FaultKind string

// The kinds of faults.
const (
	FaultNone         FaultKind = ""
	FaultLoseAnswer   FaultKind = "lose-answer"   // done, and the connection ends without an answer
	FaultHalfAnswer   FaultKind = "half-answer"   // done, and the connection ends in the middle of the answer
	FaultBadBefore    FaultKind = "502-before"    // the gateway answers 502 and the message never arrives
	FaultBadAfter     FaultKind = "502-after"     // done, and the gateway answers 502
	FaultPageAfter    FaultKind = "html-after"    // done, and the gateway answers a web page with status 200
	FaultDelayBefore  FaultKind = "delay-before"  // the message arrives after the delay, whoever still waits
	FaultDelayAfter   FaultKind = "delay-after"   // done, and the answer comes after the delay
	FaultExpireSignIn FaultKind = "expire-signin" // every sign-in has run out when the message arrives
	FaultCentreOnly   FaultKind = "centre-only"   // done, and answered as refused: a row that only the centre has
	FaultBlind        FaultKind = "blind"         // 2601 answers that it finds nothing, whatever there is
	FaultVenueOnly    FaultKind = "venue-only"    // answered as done, and nothing is booked: a row that only the venue has
	FaultBusyRows     FaultKind = "busy-rows"     // 3505 and 3506: every other row, the first included, is refused as "busy, later"
)

var faultKinds = []FaultKind{
	FaultLoseAnswer, FaultHalfAnswer, FaultBadBefore, FaultBadAfter, FaultPageAfter, FaultDelayBefore, FaultDelayAfter, FaultExpireSignIn,
	FaultCentreOnly, FaultVenueOnly, FaultBlind, FaultBusyRows,
}

// Fault is what happens to one message.
type Fault struct {
	Kind  FaultKind
	Delay time.Duration
}

// Faults decides about each message; it is called from many goroutines.
type Faults func(infno string) Fault

func (f Faults) next(infno string) Fault {
	if f == nil {
		return Fault{}
	}
	return f(infno)
}

// PlanFaults reads plans of the form infno=kind[:count[:delay]], such as 2102=lose-answer:2 or 2102=delay-after:1:40s.
// Each is used up in the order given; the count is 1 where it is left out.
func PlanFaults(plans []string) (Faults, error) {
	var mu sync.Mutex
	left := map[string][]Fault{}
	for _, plan := range plans {
		infno, rest, found := strings.Cut(plan, "=")
		parts := strings.Split(rest, ":")
		kind := FaultKind(parts[0])
		if !found || len(parts) > 3 || !slices.Contains(faultKinds, kind) {
			return nil, fmt.Errorf("fault %q is not infno=kind[:count[:delay]] with one of the kinds %v", plan, faultKinds)
		}
		count, delay := 1, 10*time.Second
		var err error
		if len(parts) > 1 {
			if count, err = strconv.Atoi(parts[1]); err != nil || count < 1 || count > 1e6 {
				return nil, fmt.Errorf("fault %q: the count must be a number from 1 to 1000000", plan)
			}
		}
		if len(parts) > 2 {
			if delay, err = time.ParseDuration(parts[2]); err != nil {
				return nil, fmt.Errorf("fault %q: %w", plan, err)
			}
		}
		for range count {
			left[infno] = append(left[infno], Fault{kind, delay})
		}
	}
	return func(infno string) Fault {
		mu.Lock()
		defer mu.Unlock()
		queue := left[infno]
		if len(queue) == 0 {
			return Fault{}
		}
		left[infno] = queue[1:]
		return queue[0]
	}, nil
}

const gatewayPage = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n"

func badGateway(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, gatewayPage) // a sender that has gone away does not read it
}

// before does what happens before the message arrives; ended says that it never does.
func (f Fault) before(w http.ResponseWriter) (ended bool) {
	switch f.Kind {
	case FaultBadBefore:
		badGateway(w, http.StatusBadGateway)
		return true
	case FaultDelayBefore:
		time.Sleep(f.Delay)
	}
	return false
}

// after sends the answer, or what the fault makes of it.
func (f Fault) after(w http.ResponseWriter, encode func(io.Writer) error) {
	switch f.Kind {
	case FaultLoseAnswer:
		panic(http.ErrAbortHandler) // the server's way to end a connection without an answer
	case FaultBadAfter:
		badGateway(w, http.StatusBadGateway)
		return
	case FaultPageAfter:
		badGateway(w, http.StatusOK)
		return
	case FaultDelayAfter:
		time.Sleep(f.Delay)
	case FaultHalfAnswer:
		var whole strings.Builder
		if encode(&whole) == nil {
			w.Header().Set("Content-Length", strconv.Itoa(whole.Len()))
			_, _ = io.WriteString(w, whole.String()[:whole.Len()/2]) // half is the point
		}
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = encode(w) // a sender that has gone away does not read it
}
