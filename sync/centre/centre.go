package centre

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/canon"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

// Options of a Centre. The zero value is a centre in memory without people.
type Options struct {
	Area       string // of the centre, six digits: clr_optins and the reference of answers; default 430100
	Clock      func() time.Time
	Logger     *slog.Logger
	Journal    *Journal // nil: the book lives in memory, or in the Store
	Store      Store    // nil: this process alone has the book
	Registry   prometheus.Registerer
	SignInLife time.Duration    // default 24 h
	Faults     Faults           // nil: none
	Desk       Desk             // how binding requests (G103) are decided
	Verifier   nhsa.Verifier    // nil: cainfo is not looked at
	Body       *nhsa.SM4Body    // opens messages whose input is SM4 ciphertext, and answers them alike
	Manner     Manner           // how answers are written
	Without    []string         // infnos that this centre does not have, such as G101
	Allowances Allowances       // what is set aside for venues that may be cut off
	ShareFrom  settle.ShareFrom // which of a giver's pots pay for relatives, as the region's policy says; empty: all but a mutual account
}

// Centre is the reference centre. It is safe for concurrent use.
type Centre struct {
	options Options
	answers map[string]answerer
	metrics *metrics
	lanes   [64]sync.Mutex // by venue, on a Store: a venue's messages would only make each other start again

	mu    sync.Mutex
	whole *work // the book, where there is no Store
}

type signIn struct {
	Number string    `json:"sign_no"`
	At     time.Time `json:"sign_time"`
}

// New is a centre; with a journal, what it holds is booked again first. The error says where the journal is damaged.
func New(options Options) (*Centre, error) {
	if options.Area == "" {
		options.Area = "430100"
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.SignInLife <= 0 {
		options.SignInLife = 24 * time.Hour
	}
	if options.Journal != nil && options.Store != nil {
		return nil, errors.New("a centre keeps its book in a journal or in a store, not in both")
	}
	options.Allowances.complete()
	options.Logger = options.Logger.With("component", "centre")
	c := &Centre{options: options, answers: answerers(options.Without), metrics: newMetrics(options.Registry)}
	if options.Store != nil {
		return c, nil
	}
	c.whole = newWork(&c.options)
	if c.whole.journal = options.Journal; options.Journal != nil {
		if err := options.Journal.replay(c.whole); err != nil {
			return nil, err
		}
		c.whole.took() // it was counted when it happened
	}
	return c, nil
}

// Load adds or replaces people, accounts and bindings from a snapshot in the feed's format. With a journal it is
// written there first, so a restart knows the same people. The error is BAD_REQUEST with what does not fit.
func (c *Centre) Load(in io.Reader) error {
	data, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read people: %w", err)
	}
	snapshot, err := feed.DecodeSnapshot(data)
	if err != nil {
		return err
	}
	return c.Seed(snapshot)
}

// seedPart is how many facts of a seed go into one transaction of a Store.
const seedPart = 4000

// Seed is Load for a snapshot that is there already. On a Store a large one goes in parts, people first: what an error
// leaves out is not there, and the same seed may be given again.
func (c *Centre) Seed(snapshot settle.Snapshot) error {
	parts := []settle.Snapshot{snapshot}
	if c.options.Store != nil {
		parts = split(snapshot, seedPart)
	}
	for i := range parts {
		err := c.within(context.Background(), "", func(w *work) error { return w.plant(&parts[i]) })
		if err != nil {
			return err
		}
	}
	return nil
}

// split cuts a snapshot into parts of so many facts. Whoever a part names is in it or in one before.
func split(s settle.Snapshot, size int) (parts []settle.Snapshot) {
	part := func(fill func(*settle.Snapshot)) {
		p := settle.Snapshot{ID: s.ID, CentreTime: s.CentreTime}
		fill(&p)
		parts = append(parts, p)
	}
	for people := range slices.Chunk(s.People, size) {
		part(func(p *settle.Snapshot) { p.People = people })
	}
	for accounts := range slices.Chunk(s.Accounts, size) {
		part(func(p *settle.Snapshot) { p.Accounts = accounts })
	}
	for bindings := range slices.Chunk(s.Bindings, size) {
		part(func(p *settle.Snapshot) { p.Bindings = bindings })
	}
	if len(s.EndedBinds)+len(s.EndedPsnNo) > 0 {
		part(func(p *settle.Snapshot) { p.EndedBinds, p.EndedPsnNo = s.EndedBinds, s.EndedPsnNo })
	}
	return parts
}

// plant records a seed.
func (w *work) plant(s *settle.Snapshot) error {
	w.fetchSeed(s)
	if err := w.complete(s); err != nil {
		return err
	}
	encoded, err := feed.EncodeSnapshot(*s)
	if err != nil {
		return err
	}
	return w.record(entry{Kind: entrySeed, Seed: encoded})
}

// Empty reports whether the centre knows nobody yet; it does so too where the store cannot be asked.
func (c *Centre) Empty() (empty bool) {
	err := c.within(context.Background(), "", func(w *work) error {
		if w.tx != nil {
			w.load(w.people, Query{Table: tablePerson, Limit: 1})
		}
		empty = len(w.people.rows) == 0
		return nil
	})
	return err == nil && empty
}

// within does something with the book: under the lock where it is in memory, in one transaction where it is in a Store,
// perhaps more than once. A venue's messages come one after the other in a process. What was done, and everything that it can
// have seen, is on disk when it returns without an error.
func (c *Centre) within(ctx context.Context, venue string, do func(*work) error) error {
	if c.options.Store == nil {
		return c.withinWhole(do)
	}
	if venue != "" {
		lane := &c.lanes[crc32.ChecksumIEEE([]byte(venue))%uint32(len(c.lanes))]
		lane.Lock()
		defer lane.Unlock()
	}
	var done tally
	err := c.options.Store.Transact(ctx, func(tx Tx) (err error) {
		defer func() {
			switch fault := recover().(type) {
			case nil:
			case storeFault:
				err = fault.err
			default:
				panic(fault)
			}
		}()
		w := newTxWork(ctx, &c.options, c.options.Store, tx)
		if err := do(w); err != nil {
			return err
		}
		done = w.took()
		return w.flush()
	})
	if err == nil {
		c.metrics.count(done)
	}
	return err
}

// withinWhole is within for a book in memory. The lock is not held while the disk is waited for.
func (c *Centre) withinWhole(do func(*work) error) error {
	done, line, err := c.decideWhole(do)
	if fault := c.options.Journal.flush(line); fault != nil {
		return cmp.Or(err, fault)
	}
	c.metrics.count(done)
	return err
}

func (c *Centre) decideWhole(do func(*work) error) (done tally, line int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = do(c.whole)
	return c.whole.took(), c.options.Journal.end(), err
}

// refusal is an answer with infcode -1.
type refusal string

func (r refusal) Error() string { return string(r) }

// maxMessage is the longest message that is read, in bytes.
const maxMessage = 16 << 20

// Handler answers messages on every path, and shows the book on /centre/book and the people, masked, on
// /centre/people. Those two are for the sandbox; a head office keeps them off its network.
func (c *Centre) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /centre/book", c.showBook)
	mux.HandleFunc("GET /centre/people", c.showPeople)
	mux.HandleFunc("POST /", c.serve)
	return mux
}

func (c *Centre) serve(w http.ResponseWriter, r *http.Request) {
	received := c.options.Clock()
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		http.Error(w, "the message did not arrive whole", http.StatusBadRequest)
		return
	}
	request, err := c.open(data)
	if err != nil {
		c.reply(w, r, Fault{}, received, nhsa.Request{}, err)
		return
	}
	fault := c.options.Faults.next(request.Infno)
	if fault.Kind != FaultNone {
		c.metrics.faults.WithLabelValues(string(fault.Kind)).Inc()
	}
	if fault.before(w) {
		return
	}
	c.reply(w, r, fault, received, request, nil)
}

// open reads a message, decrypts it and holds it against its signature. The error is a refusal.
func (c *Centre) open(data []byte) (nhsa.Request, error) {
	request, err := nhsa.DecodeRequest(data)
	if err != nil {
		return request, refusal("[FORMAT] 报文不是接口规定的格式")
	}
	if c.options.Body != nil && request.EncType == nhsa.EncSM4 {
		if request.Input, err = c.options.Body.OpenText(request.Input); err == nil {
			data, err = nhsa.ReplaceInput(data, request.Input)
		}
		if err != nil {
			return request, refusal("[ENCRYPT] input 无法解密")
		}
	}
	if c.options.Verifier != nil {
		if err := c.options.Verifier.Verify(data); err != nil {
			return request, refusal("[SIGNATURE] 数字签名验证不通过")
		}
	}
	return request, nil
}

// answerer does one message under the lock and returns its output. A refusal becomes infcode -1; any other error is
// the centre's own trouble and becomes HTTP 500, which tells the sender nothing.
type answerer func(w *work, request *nhsa.Request) (output any, err error)

func answerers(without []string) map[string]answerer {
	all := map[string]answerer{
		nhsa.InfnoSignIn: (*work).signIn, nhsa.InfnoPerson: (*work).person, nhsa.InfnoSettle: (*work).settle, nhsa.InfnoCancel: (*work).cancel,
		nhsa.InfnoReverse: (*work).reverse, nhsa.InfnoFamily: (*work).family, nhsa.InfnoDelta: (*work).delta,
		nhsa.InfnoBinding: (*work).askBinding, nhsa.InfnoPremium: (*work).payPremium, nhsa.InfnoReturn: (*work).returnAllowances,
		nhsa.InfnoSignOut: (*work).signOut, nhsa.InfnoInstitution: (*work).institution, nhsa.InfnoDictionary: (*work).dictionary,
		nhsa.InfnoBenefit: (*work).benefit, nhsa.InfnoQuote: (*work).quote, nhsa.InfnoRegister: (*work).register,
		nhsa.InfnoUnregister: (*work).unregister, nhsa.InfnoVisit: (*work).visitInfo,
		nhsa.InfnoVisitA: (*work).visitInfo, nhsa.InfnoVisitB: (*work).visitInfo,
		nhsa.InfnoFees: (*work).fees, nhsa.InfnoUnfees: (*work).unfees, nhsa.InfnoClinicQuote: (*work).clinicQuote,
		nhsa.InfnoClinicSettle: (*work).clinicSettle, nhsa.InfnoClinicCancel: (*work).cancel, nhsa.InfnoTotals: (*work).totals,
		nhsa.InfnoDetails: (*work).details, nhsa.InfnoClearing: (*work).clearing,
		nhsa.InfnoMapping: (*work).mapping, nhsa.InfnoUnmapping: (*work).unmapping, nhsa.InfnoSold: (*work).sold, nhsa.InfnoReturned: (*work).returned,
		nhsa.InfnoVisits: (*work).listVisits, nhsa.InfnoSettlement: (*work).settlement, nhsa.InfnoSettledLines: (*work).settledLines,
		nhsa.InfnoUpload: (*work).upload, nhsa.InfnoDownload: (*work).download,
	}
	for _, infno := range without {
		delete(all, infno)
	}
	return all
}

// messageTime is how long a message may take on a Store, starting again included.
const messageTime = 20 * time.Second

// decide does one message. The error is a refusal, or the centre's own trouble.
func (c *Centre) decide(ctx context.Context, fault Fault, request nhsa.Request, refused error) (nhsa.Answer, any, error) {
	answer := nhsa.Answer{Output: json.RawMessage("{}")}
	var output any
	var verdict error
	if refused == nil && c.options.Store != nil && request.Infno == nhsa.InfnoDelta {
		if err := c.options.Store.Number(ctx); err != nil {
			return answer, nil, err
		}
	}
	if refused == nil {
		refused = envelope(&request)
	}
	venue := request.Venue
	if refused != nil {
		venue = "" // nobody can be sure whose it is
	}
	err := c.within(ctx, venue, func(w *work) error {
		asked := request
		w.venue, output, verdict = "", nil, refused
		if refused == nil {
			w.begin(&asked)
			output, verdict = w.do(c.answers[asked.Infno], fault, &asked)
		}
		if errors.Is(verdict, errRepeated) {
			w.tally.repeated++
		}
		var text refusal
		if verdict != nil && !errors.As(verdict, &text) {
			return verdict
		}
		answer.CentreTime = w.tick()
		answer.Reference = fmt.Sprintf("%s%s%010d", c.options.Area, answer.CentreTime.In(settle.Beijing).Format("20060102150405"), w.nextSerial()%1e10)
		w.finish()
		return nil
	})
	return answer, output, cmp.Or(err, verdict)
}

// do is a message under way, with the fault that was planned for it.
func (w *work) do(answer answerer, fault Fault, request *nhsa.Request) (output any, err error) {
	switch {
	case fault.Kind == FaultBlind:
		return nil, refusal("[2601-NOTFOUND] 未查询到原交易")
	case answer == nil:
		return nil, refusal("[INFNO] 交易编号不存在")
	}
	if fault.Kind == FaultExpireSignIn {
		w.expireSignIns()
	}
	if err := w.sweep(); err != nil {
		return nil, err
	}
	w.phantom, w.busy = fault.Kind == FaultVenueOnly, fault.Kind == FaultBusyRows
	output, err = answer(w, request)
	w.phantom, w.busy = false, false
	if repeated := w.proveNew(request.MsgID); repeated != nil {
		return nil, repeated
	}
	if err == nil && fault.Kind == FaultCentreOnly {
		err = refusal("[SYSTEM] 系统繁忙，请稍后再试")
	}
	return output, err
}

// reply does the message and writes the answer, or loses it where a fault says so. What was begun is finished, whether the
// sender still waits or not.
func (c *Centre) reply(w http.ResponseWriter, r *http.Request, fault Fault, received time.Time, request nhsa.Request, refused error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), messageTime)
	defer cancel()
	begin := time.Now()
	answer, output, err := c.decide(ctx, fault, request, refused)
	var text refusal
	refusedNow := errors.As(err, &text)
	c.metrics.message(c.answers, request.Infno, err, refusedNow, time.Since(begin))
	switch {
	case refusedNow:
		answer.Code, answer.Text = nhsa.CodeRefused, string(text)
	case err != nil:
		c.options.Logger.Error("a message could not be answered", "infno", request.Infno, "err", err.Error())
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	default:
		if raw, is := output.(rawFile); is {
			c.options.Logger.Info("sent a file", "infno", request.Infno, "msgid", request.MsgID)
			fault.after(w, func(out io.Writer) error { _, err := out.Write(raw); return err })
			return
		}
	}
	if err := c.dress(&answer, output, request); err != nil {
		c.options.Logger.Error("an answer could not be encoded", "infno", request.Infno, "err", err.Error())
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	level := slog.LevelDebug // a venue's backlog has thousands a second
	if answer.Code != nhsa.CodeDone {
		level = slog.LevelInfo
	}
	c.options.Logger.Log(ctx, level, "answered", "infno", request.Infno, "msgid", request.MsgID, "infcode", answer.Code)
	fault.after(w, func(out io.Writer) error { return nhsa.EncodeAnswer(out, answer, received) })
}

// dress encodes an output in the centre's manner, and seals it where the question was sealed.
func (c *Centre) dress(answer *nhsa.Answer, output any, request nhsa.Request) (err error) {
	if answer.Code != nhsa.CodeRefused {
		answer.Output, err = canon.Append(nil, output)
		if err == nil && request.Infno[0] != 'G' { // the extensions have one form only
			answer.Output, err = c.options.Manner.write(answer.Output)
		}
	}
	if err != nil || c.options.Body == nil || request.EncType != nhsa.EncSM4 {
		return err
	}
	sealed, err := c.options.Body.Seal(answer.Output)
	if err != nil {
		return err
	}
	answer.EncType = nhsa.EncSM4
	answer.Output, err = json.Marshal(sealed)
	return err
}

// envelope checks what every message must carry.
func envelope(r *nhsa.Request) error {
	if err := r.Check(false); err != nil {
		return refusal("[FORMAT] " + err.Error())
	}
	if r.MsgID[:len(r.Venue)] != r.Venue {
		return refusal("[FORMAT] msgid 须以定点医药机构编号开头")
	}
	return nil
}

const errRepeated = refusal("[MSGID-REPEATED] 报文ID重复")

// booking checks what a message that changes the book must carry: a sign-in and a msgid of its own.
func (w *work) booking(r *nhsa.Request) error {
	// A copy of a message that is booked is told so before all: refused for a sign-in that has ended meanwhile, it would read
	// as "not booked", and be sent anew.
	if w.repeated(r.MsgID) {
		return errRepeated
	}
	have := w.signIns.at(r.Venue + "/" + r.Operator)
	if have.Number == "" || have.Number != r.SignNo || w.options.Clock().Sub(have.At) > w.options.SignInLife {
		return refusal("[SIGNIN] 签到流水号无效或已过期，请先签到")
	}
	return w.broken
}

// expireSignIns ends every sign-in; on a Store the sender's.
func (w *work) expireSignIns() {
	for key := range w.signIns.rows {
		w.signIns.drop(key)
	}
}

// input reads the input of a message.
func input[T any](r *nhsa.Request) (T, error) {
	var in T
	if err := canon.Read(r.Input, &in); err != nil {
		return in, refusal("[FORMAT] input 不是接口规定的格式")
	}
	return in, nil
}

// change reads the input of a message that changes the book: from an operator who is signed in, and where the message knows
// its own table, as that has it.
func change[T any](w *work, r *nhsa.Request) (T, error) {
	in, err := input[T](r)
	if err != nil {
		return in, err
	}
	if err := w.booking(r); err != nil {
		return in, err
	}
	switch m := any(in).(type) {
	case interface{ Check() error }:
		err = m.Check()
	case nhsa.Message:
		_, _, err = m.Input()
	}
	if err != nil {
		return in, refusal("[FORMAT] " + err.Error())
	}
	return in, nil
}
