package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// InlineStore is the durable side of in-line questions. *ledger.Ledger is one. Every method that changes something returns
// after it is on disk.
type InlineStore interface {
	// PrepareInline checks a sale and gathers what the centre must be asked with. free is false while something else of
	// that person is on its way to the centre or waits for it. The errors are those of a quote and of the card.
	PrepareInline(ctx context.Context, order settle.SettleOrder) (d settle.Dossier, free bool, err error)
	// BeginInline writes a message to the journal as sent. Only where it returns true may the message leave.
	BeginInline(ctx context.Context, i settle.InlineIntent) (began bool, err error)
	// EndInline ends a message that did nothing: refused or unsent.
	EndInline(ctx context.Context, msgid string, state settle.DispatchState, fault string) error
	// AbandonInline has a question undone that no settlement will come of; orphaned is false where one has.
	AbandonInline(ctx context.Context, msgid, why string) (orphaned bool, err error)
	// OpenInlines are the questions that were begun and of which nothing has come yet, by their first message.
	OpenInlines(ctx context.Context) (msgids []string, err error)

	// StepInline writes the outcome of a message of a clinic's question that goes on.
	StepInline(ctx context.Context, s settle.InlineStep) error
	// ParkInline keeps the visit of a clinic's quote open for the settlement of the same sale.
	ParkInline(ctx context.Context, question string) error
	// QuoteCentre lays the figures that the centre has told over the facts. Errors as PrepareInline.
	QuoteCentre(ctx context.Context, sale settle.Sale, figures settle.Figures) (settle.Quote, error)
}

// InlineOptions are what an Inline is built from. Store, Client and SignIns are needed.
type InlineOptions struct {
	Store      InlineStore
	Client     *nhsa.Client
	SignIns    *nhsa.SignIns
	Extensions nhsa.Extensions
	Operator   settle.Operator // asks where a sale's operator does not fit the sign-in; default gongjid
	Within     time.Duration   // for a whole question, signing in included; default 4 s
	SweepEvery time.Duration   // between looks for messages that nobody holds any more; default 30 s
	Clock      func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Inline asks the centre while the patient waits: 2101 for a quote, 2102 for a settlement; for a clinic's sale 2206 and 2207,
// with what comes before them. See the package comment. Its methods are safe for concurrent use; Run may be called once.
type Inline struct {
	options InlineOptions
	log     *slog.Logger
	metrics *inlineMetrics

	mu   sync.Mutex
	live map[string]bool // messages whose settlement is being made
}

// NewInline checks the options. The error is NOT_CONFIGURED.
func NewInline(options InlineOptions) (*Inline, error) {
	if options.Store == nil || options.Client == nil || options.SignIns == nil {
		return nil, settle.NewError(settle.NotConfigured, errors.New("in-line questions need Store, Client and SignIns"))
	}
	if options.Operator.ID == "" {
		options.Operator = settle.Operator{ID: "gongjid", Name: "系统"}
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	options.Within = positive(options.Within, 4*time.Second)
	options.SweepEvery = positive(options.SweepEvery, 30*time.Second)
	return &Inline{
		options: options, log: options.Logger.With("component", "inline"), metrics: newInlineMetrics(options.Registerer), live: map[string]bool{},
	}, nil
}

// Quote asks what a sale would cost whom (2101, 2206). code is the 医保码 that was shown, else empty; it goes out and is kept
// nowhere. Where the state is answered, the figures are the centre's. UPSTREAM_REFUSED (member centre_message), and what
// the store refuses.
func (i *Inline) Quote(ctx context.Context, order settle.SettleOrder, code string) (figures settle.Figures, state settle.InlineState, err error) {
	q := i.question(order, code, inlineQuote)
	state, err = q.ask(ctx)
	q.quoted(ctx, err)
	return q.booking.Figures, state, err
}

// Settle asks the centre to settle a sale (2102, 2207). The caller settles with the answer and then says what came of it: Settled,
// or Abandon. An error has nothing open behind it. Errors as Quote.
func (i *Inline) Settle(ctx context.Context, order settle.SettleOrder, code string) (settle.InlineAnswer, error) {
	q := i.question(order, code, inlineSettle)
	state, err := q.ask(ctx)
	if err != nil {
		q.leave(ctx, err)
		return settle.InlineAnswer{State: state}, err
	}
	answer := settle.InlineAnswer{State: state, MsgID: q.msgid, Fault: q.fault}
	if state == settle.InlineAnswered {
		answer.Booking = &q.booking
	}
	return answer, err
}

// Settled says that a settlement has taken the message over.
func (i *Inline) Settled(msgid string) { i.hold(msgid, false) }

// Abandon says that no settlement came of the message: it will be undone. Where that cannot be written now, the next sweep
// finds it.
func (i *Inline) Abandon(ctx context.Context, msgid, why string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	defer i.hold(msgid, false)
	i.abandon(ctx, msgid, why)
}

func (i *Inline) abandon(ctx context.Context, msgid, why string) {
	orphaned, err := i.options.Store.AbandonInline(ctx, msgid, why)
	switch {
	case err != nil:
		i.log.Error("an in-line message without a settlement could not be noted; it is tried again", "msgid", msgid, "code", string(settle.CodeOf(err)))
	case orphaned:
		i.metrics.orphans.Inc()
		i.log.Warn("an in-line message has no settlement and will be undone", "msgid", msgid)
	}
}

func (i *Inline) hold(msgid string, held bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if held {
		i.live[msgid] = true
	} else {
		delete(i.live, msgid)
	}
}

func (i *Inline) held(msgid string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.live[msgid]
}

// Run has every message undone that a crash or a full disk has left without a settlement, until ctx ends.
func (i *Inline) Run(ctx context.Context) error {
	tick := time.NewTicker(i.options.SweepEvery)
	defer tick.Stop()
	for {
		i.Sweep(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep is one look of Run. A message is held before it is written and until its settlement is made or refused, so one that
// is on disk and not held is nobody's.
func (i *Inline) Sweep(ctx context.Context) {
	msgids, err := i.options.Store.OpenInlines(ctx)
	if err != nil && ctx.Err() == nil {
		i.log.Error("in-line messages could not be looked through", "code", string(settle.CodeOf(err)))
	}
	for _, msgid := range msgids {
		if !i.held(msgid) {
			i.abandon(ctx, msgid, abandonedText)
		}
	}
}

const abandonedText = "联机结算中断，收银台没有结算；正在向医保中心冲正"

// question is one question on its way.
type question struct {
	inline *Inline
	order  settle.SettleOrder
	code   string
	kind   string

	dossier settle.Dossier
	signed  bool   // the one fresh sign-in is used up
	msgid   string // of the question, which is its first message's
	booking settle.Booking
	fault   string
	bill    clinicBill
}

func (i *Inline) question(order settle.SettleOrder, code, kind string) *question {
	return &question{
		inline: i, order: order, code: code, kind: kind, bill: clinicBill{client: i.options.Client, extensions: i.options.Extensions},
	}
}

// ask asks within the deadline and counts the outcome.
func (q *question) ask(ctx context.Context) (settle.InlineState, error) {
	ctx, cancel := context.WithTimeout(ctx, q.inline.options.Within)
	defer cancel()
	state, err := q.try(ctx)
	if state != "" {
		q.inline.metrics.asked.WithLabelValues(q.kind, string(state)).Inc()
	}
	return state, err
}

func (q *question) try(ctx context.Context) (settle.InlineState, error) {
	for {
		if q.inline.options.Client.Offline() {
			return settle.InlineUnreached, nil
		}
		free, err := q.prepare(ctx)
		if err != nil {
			return "", err
		}
		if !free {
			return settle.InlineWaits, nil
		}
		if q.order.Sale.Clinic() {
			return q.attend(ctx)
		}
		state, again, err := q.once(ctx)
		if !again {
			return state, err
		}
	}
}

// patience is how long an in-line question waits between two looks whether the person's earlier reports are through.
const patience = 20 * time.Millisecond

// prepare gathers the dossier and waits, for half of the deadline at most, until nothing else of the person is open: the
// centre must not decide on a balance that an earlier sale has yet to be taken off.
func (q *question) prepare(ctx context.Context) (free bool, err error) {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	enough := time.After(q.inline.options.Within / 2)
	for {
		if q.dossier, free, err = q.inline.options.Store.PrepareInline(ctx, q.order); err != nil || free {
			q.dossier.Evoucher = q.code
			if tooLate(ctx, err) {
				return false, nil
			}
			return free, err
		}
		select {
		case <-tick.C:
		case <-enough:
			return false, nil
		case <-ctx.Done():
			return false, nil
		}
	}
}

// once sends one message. again: it was refused for its sign-in alone, and another may follow at once.
func (q *question) once(ctx context.Context) (state settle.InlineState, again bool, err error) {
	call, prepared, err := q.prepared(ctx, q.message())
	if err != nil || prepared.MsgID == "" {
		return settle.InlineUnreached, false, err
	}
	if q.kind == inlineSettle {
		began, err := q.begin(ctx, prepared)
		if tooLate(ctx, err) {
			return settle.InlineUnreached, false, nil
		}
		if !began {
			return settle.InlineWaits, false, err
		}
	}
	outcome := q.inline.options.Client.Send(ctx, prepared)
	return q.conclude(ctx, call.Operator, call.SignNo, prepared.MsgID, outcome)
}

// prepared signs in and makes a message ready to leave. It has no id where it cannot be asked at all.
func (q *question) prepared(ctx context.Context, message nhsa.Message) (call nhsa.Call, prepared nhsa.Prepared, err error) {
	o := &q.inline.options
	call = nhsa.Call{Message: message, Operator: fitting(q.dossier.Sale.Operator, o.Operator), InsuredArea: q.dossier.Identity.Area}
	if call.SignNo, _, err = o.SignIns.Number(ctx, call.Operator); err == nil && call.SignNo != "" {
		prepared, err = o.Client.Prepare(ctx, call)
		err = q.unfit(err)
	}
	if tooLate(ctx, err) {
		return call, nhsa.Prepared{}, nil
	}
	return call, prepared, err
}

// tooLate reports whether an error of the store says no more than that the question's time was over before the store came to it, as
// on a machine that has too much to do. Nothing has left then: the ledger decides, as where the centre is silent, and the
// till is not told that its ledger is broken.
func tooLate(ctx context.Context, err error) bool {
	return errors.Is(err, context.DeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// unfit is nil for what does not fit the interface: it cannot be asked, and its report will be held for a person.
func (q *question) unfit(err error) error {
	if settle.CodeOf(err) != settle.BadRequest {
		return err
	}
	q.inline.log.Error("an in-line message does not fit the interface", "question", q.kind, "fault", q.redact(err.Error()))
	return nil
}

func (q *question) message() nhsa.Message {
	if q.kind == inlineQuote {
		return nhsa.PharmacyQuote{Dossier: q.dossier, Extensions: q.inline.options.Extensions}
	}
	return nhsa.PharmacySettle{Dossier: q.dossier, Extensions: q.inline.options.Extensions}
}

// begin has the message on disk before it leaves.
func (q *question) begin(ctx context.Context, prepared nhsa.Prepared) (bool, error) {
	q.inline.hold(prepared.MsgID, true)
	began, err := q.inline.options.Store.BeginInline(ctx, q.intent(prepared))
	if !began {
		q.inline.hold(prepared.MsgID, false)
	} else {
		q.msgid = prepared.MsgID
	}
	return began, err
}

func (q *question) intent(prepared nhsa.Prepared) settle.InlineIntent {
	d := &q.dossier
	return settle.InlineIntent{
		MsgID: prepared.MsgID, Infno: prepared.Infno, Body: withoutCode(prepared, q.code), POS: d.Sale.POS, SaleID: d.Sale.ID,
		Terminal: d.Sale.Terminal, Operator: d.Sale.Operator, Person: d.Sale.Patient, Figures: d.Figures, SentAt: q.inline.options.Clock(),
		SentCentre: q.inline.options.Client.CentreNow(),
	}
}

// withoutCode is a message as it is journalled. A 医保码 lives in memory only; where it cannot be cut out of a body (an
// encrypted one), the body is not kept.
func withoutCode(prepared nhsa.Prepared, code string) []byte {
	if code == "" {
		return prepared.Body
	}
	if bytes.Contains(prepared.Body, []byte(code)) {
		return bytes.ReplaceAll(prepared.Body, []byte(code), []byte("***"))
	}
	note, _ := json.Marshal(map[string]string{"infno": prepared.Infno, "msgid": prepared.MsgID, "withheld": "evoucher"}) // texts always encode
	return note
}

// conclude reads an outcome. What did nothing at the centre ends here; what may be booked stays open for the caller.
func (q *question) conclude(ctx context.Context, operator settle.Operator, signNo, msgid string, outcome nhsa.Outcome) (state settle.InlineState, again bool, err error) {
	o := &q.inline.options
	switch {
	case outcome.Result == nhsa.NotSent:
		q.end(ctx, settle.DispatchUnsent, outcome.Fault)
		return settle.InlineUnreached, false, nil
	case o.Client.SignInRefused(outcome):
		o.SignIns.Forget(operator, signNo)
		q.end(ctx, settle.DispatchRefused, outcome.Fault)
		again, q.signed = !q.signed, true
		return settle.InlineUnreached, again, nil
	case o.Client.TransactionUnknown(outcome):
		q.end(ctx, settle.DispatchRefused, outcome.Fault)
		return settle.InlineUnreached, false, nil
	case outcome.Refused() && !o.Client.MessageRepeated(outcome):
		q.end(ctx, settle.DispatchRefused, outcome.Fault)
		return settle.InlineRefused, false, settle.NewError(settle.UpstreamRefused, nil).With("centre_message", plain(q.redact(outcome.Fault)))
	case outcome.Result == nhsa.Answered && !outcome.Refused():
		if err := q.read(msgid, outcome); err == nil {
			return settle.InlineAnswered, false, nil
		} else {
			q.inline.log.Warn("an in-line answer could not be used", "question", q.kind, "msgid", msgid, "err", q.redact(err.Error()))
		}
	}
	q.fault = q.redact(outcome.Fault)
	if q.fault == "" {
		q.fault = unclearText
	}
	return settle.InlineUnknown, false, nil
}

var errCode = errors.New("the infcode is neither done nor a warning")

func (q *question) read(msgid string, outcome nhsa.Outcome) (err error) {
	if outcome.Answer.Code != nhsa.CodeDone && outcome.Answer.Code != codeWarning {
		return errCode
	}
	client := q.inline.options.Client
	if q.kind == inlineQuote {
		q.booking.Figures, err = client.DecodeQuote(outcome.Answer, &q.dossier)
		return err
	}
	q.booking, err = client.DecodeBooking(outcome.Answer, msgid, &q.dossier)
	return err
}

// end notes that the message did nothing.
func (q *question) end(ctx context.Context, state settle.DispatchState, fault string) {
	if q.msgid == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := q.inline.options.Store.EndInline(ctx, q.msgid, state, q.redact(fault)); err != nil {
		// The next sweep finds it and has it undone, which does no harm to a message that did nothing.
		q.inline.log.Error("the end of an in-line message could not be written", "msgid", q.msgid, "code", string(settle.CodeOf(err)))
	}
	q.inline.hold(q.msgid, false)
	q.msgid = ""
}

func (q *question) redact(text string) string {
	return nhsa.Redact(redactFor(&q.dossier, text), q.code)
}

// plain is a centre's text as a cashier reads it: without the code in brackets that some centres begin with.
func plain(text string) string {
	if rest, found := strings.CutPrefix(text, "["); found {
		if _, after, closed := strings.Cut(rest, "]"); closed && strings.TrimSpace(after) != "" {
			return strings.TrimSpace(after)
		}
	}
	return text
}

// The questions, as the metrics name them.
const (
	inlineQuote  = "quote"
	inlineSettle = "settle"
)

type inlineMetrics struct {
	asked   *prometheus.CounterVec
	orphans prometheus.Counter
}

func newInlineMetrics(reg prometheus.Registerer) *inlineMetrics {
	m := &inlineMetrics{
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gongji_inline_total",
			Help: "Questions to the centre while the patient waits (authority platform), by outcome.",
		}, []string{"question", "outcome"}),
		orphans: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gongji_inline_orphans_total", Help: "In-line messages that no settlement came of and that are undone.",
		}),
	}
	for _, kind := range []string{inlineQuote, inlineSettle} {
		for _, state := range settle.InlineStates {
			m.asked.WithLabelValues(kind, string(state))
		}
	}
	if reg != nil {
		reg.MustRegister(m.asked, m.orphans)
	}
	return m
}
