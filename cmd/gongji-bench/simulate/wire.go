package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"slices"
	"time"

	"gongji/sync/nhsa"
)

// The kinds of faults that a world has. Every one is counted.
const (
	faultCutRefused = "line cut: connection refused"
	faultCutHangs   = "line cut: connecting hangs"
	faultCutSwallow = "line cut: message swallowed"
	faultSlow       = "line slow"
	faultUnsent     = "connection refused"
	faultSwallowed  = "message lost on the way"
	faultReset      = "connection reset before arrival"
	faultLost       = "answer lost"
	faultTorn       = "answer torn in the middle"
	faultResetAfter = "connection reset after arrival"
	fault502        = "502, message never arrived"
	fault502After   = "502, message had arrived"
	faultPage       = "web page instead of the answer"
	faultDoubled    = "message doubled, first answer"
	faultDoubled2   = "message doubled, second answer"
	faultLate       = "message late, sender gave up"
	faultTill       = "till never heard the answer"
	faultKill       = "daemon killed"
	faultKillAt     = "daemon killed between journal and line"
	faultAhead      = "clock jumped ahead"
	faultBack       = "clock jumped back"

	faultCard = "card reported lost at the centre"
	faultDied = "death reported at the centre"

	faultCentre      = "centre killed"
	faultCentreAfter = "centre killed between journal and answer"
	faultCentreTorn  = "centre killed in the middle of a journal line"
	faultCentreAway  = "message to a centre that is down"
	faultCentreGone  = "answer lost with its centre"
)

// period is a state of a line until an instant.
type period struct {
	until time.Time
	state string // "", "cut" or "slow"
}

// wire is the line of one run of one daemon, as a transport of its client. Nothing leaves and nothing comes back after
// dead is closed; what is on its way arrives nevertheless.
type wire struct {
	venue *venue
	dead  <-chan struct{}
}

var errCut = errors.New("simulated: the line is down")

// ids are the parts of a message that differ from run to run: message ids and setl_ids made from serials, and the random ids of
// requests.
var ids = regexp.MustCompile(`P\d{29}|"request_id":"[^"]*"`)

// extension is what names a message that only our extension has.
var extension = regexp.MustCompile(`"infno":"G\d{3}"`)

// RoundTrip carries a message as far as its fate lets it.
func (t *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-t.dead:
		return nil, errCut
	default:
	}
	t.venue.world.sway()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var envelope struct {
		Infno string          `json:"infno"`
		Input json.RawMessage `json:"input"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, err
	}
	key := envelope.Infno
	if !slices.Contains([]string{nhsa.InfnoUpload, nhsa.InfnoDownload, nhsa.InfnoDetails}, key) { // files are packed, and the ids in them cannot be left out
		key += ids.ReplaceAllString(string(envelope.Input), "")
	}
	chance, nth := t.venue.dealt(key)
	// A line's patience ends before the client's, and no two messages' at once: how many have failed when somebody looks is
	// then no question of who was scheduled first.
	ctx, cancel := context.WithTimeout(r.Context(), chance.between(22*time.Second, 29*time.Second))
	defer cancel()
	if t.venue.plain { // for this venue the centre has none of our extensions
		body = extension.ReplaceAll(body, []byte(`"infno":"G999"`))
	}
	t.venue.world.asks(envelope.Infno, body)
	m := &message{wire: t, ctx: ctx, body: body, infno: envelope.Infno, dice: chance}
	m.fate = t.venue.fate(chance, envelope.Infno)
	t.venue.note("%s #%d %s", envelope.Infno, nth, m.fate)
	return m.travel()
}

// fate is what happens to a message; empty: nothing does.
func (v *venue) fate(d dice, infno string) string {
	if v.world.mended.Load() {
		return ""
	}
	switch v.lineNow() {
	case "cut":
		return v.world.fault(one(d, []string{faultCutRefused, faultCutRefused, faultCutHangs, faultCutSwallow}))
	case "slow":
		return v.world.fault(faultSlow)
	}
	percent := 8
	if infno == "2102" || infno == "2103" || infno == "2601" {
		percent = 16
	}
	if !d.hit(percent) {
		return ""
	}
	return v.world.fault(one(d, []string{
		faultUnsent, faultSwallowed, faultReset, faultLost, faultTorn, faultResetAfter, fault502, fault502After, faultPage, faultDoubled,
		faultDoubled2, faultLate,
	}))
}

// message is one message on its way.
type message struct {
	*wire
	ctx   context.Context
	body  []byte
	infno string
	dice  dice
	fate  string
}

// leave tells the client that bytes may have left.
func (m *message) leave() {
	if trace := httptrace.ContextClientTrace(m.ctx); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
}

// pause waits; the error is the sender's reason not to wait any longer.
func (m *message) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	defer m.venue.world.sway()
	select {
	case <-timer.C:
		return nil
	case <-m.ctx.Done():
		return m.ctx.Err()
	case <-m.dead:
		return errCut
	}
}

const forever = 1000 * time.Hour

func (m *message) travel() (*http.Response, error) {
	there, back := m.dice.between(4*time.Millisecond, 300*time.Millisecond), m.dice.between(2*time.Millisecond, 200*time.Millisecond)
	switch m.fate {
	case faultCutRefused, faultUnsent:
		return nil, errors.Join(m.pause(there), errCut)
	case faultCutHangs:
		return nil, m.pause(forever)
	}
	m.leave()
	switch m.fate {
	case faultCutSwallow, faultSwallowed:
		return nil, m.pause(forever)
	case faultReset:
		return nil, errors.Join(m.pause(there), io.ErrUnexpectedEOF)
	case fault502:
		if err := m.pause(there); err != nil {
			return nil, err
		}
		return gateway(http.StatusBadGateway), nil
	case faultSlow:
		there, back = m.dice.between(time.Second, 18*time.Second), m.dice.between(time.Second, 18*time.Second)
	case faultLate:
		there = m.dice.between(35*time.Second, 4*time.Minute)
	}
	return m.hear(m.courier(there), back)
}

// answer is what the centre answered.
type answer struct {
	status int // 0: it did not
	body   []byte
	run    int // of the centre
}

// courier brings a message to the centre, whatever becomes of its sender.
func (m *message) courier(there time.Duration) <-chan answer {
	answers := make(chan answer, 1)
	again := m.dice.between(time.Millisecond, 20*time.Second)
	w, venue := m.venue.world, m.venue
	w.couriers.Go(func() {
		time.Sleep(there)
		first := w.enter(venue, m.infno, m.body)
		if m.fate == faultDoubled {
			answers <- first
		}
		if m.fate == faultDoubled || m.fate == faultDoubled2 {
			time.Sleep(again)
			first = w.enter(venue, m.infno, m.body)
		}
		if m.fate != faultDoubled {
			answers <- first
		}
	})
	return answers
}

// hear waits for the answer and makes of it what the fate says.
func (m *message) hear(answers <-chan answer, back time.Duration) (*http.Response, error) {
	var got answer
	select {
	case got = <-answers:
	case <-m.ctx.Done():
		return nil, m.ctx.Err()
	case <-m.dead:
		return nil, errCut
	}
	if err := m.pause(back); err != nil {
		return nil, err
	}
	if got = m.outlive(got); got.status == 0 {
		if m.dice.hit(50) { // something stands before the centre
			return gateway(http.StatusBadGateway), nil
		}
		return nil, io.ErrUnexpectedEOF
	}
	switch m.fate {
	case faultLost:
		return nil, m.pause(forever)
	case faultResetAfter:
		return nil, io.ErrUnexpectedEOF
	case fault502After:
		return gateway(http.StatusBadGateway), nil
	case faultPage:
		return gateway(http.StatusOK), nil
	case faultTorn:
		half := io.MultiReader(bytes.NewReader(got.body[:len(got.body)/2]), broken{})
		return response(got.status, half), nil
	}
	return response(got.status, bytes.NewReader(got.body)), nil
}

// outlive is an answer as it arrives: one whose centre was killed meanwhile does not.
func (m *message) outlive(got answer) answer {
	w := m.venue.world
	if _, run := w.office.now(); got.status != 0 && run != got.run && m.fate == "" {
		m.venue.note("%s: %s", m.infno, w.fault(faultCentreGone))
		return answer{}
	}
	return got
}

// broken is the end of a connection in the middle of an answer.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func gateway(status int) *http.Response {
	return response(status, bytes.NewReader([]byte("<html><body><h1>502 Bad Gateway</h1></body></html>")))
}

func response(status int, body io.Reader) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(body), ContentLength: -1,
	}
}

// page is the writer behind which the centre's handler answers.
type page struct {
	header http.Header
	answer
}

func (p *page) Header() http.Header { return p.header }

func (p *page) WriteHeader(status int) { p.status = status }

func (p *page) Write(data []byte) (int, error) {
	p.body = append(p.body, data...)
	return len(data), nil
}
