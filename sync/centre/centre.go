package centre

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"gongji/settle"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

// Options of a Centre. The zero value is a centre in memory without people.
type Options struct {
	Area       string // of the centre, six digits: clr_optins and the reference of answers; default 430100
	Clock      func() time.Time
	Logger     *slog.Logger
	Journal    *Journal      // nil: the book lives in memory
	SignInLife time.Duration // default 24 h
	Faults     Faults        // nil: none
	Desk       Desk          // how binding requests (G103) are decided
	Verifier   nhsa.Verifier // nil: cainfo is not looked at
	Body       *nhsa.SM4Body // opens messages whose input is SM4 ciphertext, and answers them alike
	Manner     Manner        // how answers are written
	Without    []string      // infnos that this centre does not have, such as G101
}

// Centre is the reference centre. It is safe for concurrent use.
type Centre struct {
	options Options

	mu       sync.Mutex
	last     time.Time // of the newest answer or snapshot
	serial   int64     // of references, setl_ids, mdtrt_ids and snapshots
	change   uint64    // counts changes for the delta's cursor
	people   map[string]*person
	accounts map[string]*account
	bindings map[string]*binding
	byID     map[string]*person
	byCard   map[string]*person
	bound    map[string][]*binding // of a giver or a beneficiary
	answers  map[string]answerer
	rows     []*Row
	bySetl   map[string]*Row
	byMsg    map[string]*Row
	used     map[string]bool // msgids of confirmed 2601
	signIns  map[string]signIn
	requests map[string]*request  // G103 by venue and request id
	premiums map[string]*premium  // G104 by venue and premium id
	visits   map[string]*visit    // 2201 by mdtrt_id
	traces   map[string]string    // trace codes that were sold, with the receipt
	mapped   map[string]string    // venue and shop code → national code
	claims   map[string]bool      // venue, month and clearing type that were claimed
	files    map[string]*file     // uploaded and result files, until they end
	spent    map[string]time.Time // e-vouchers that were used, with the end of their life
	phantom  bool                 // the message under way answers and books nothing
	broken   error                // the journal could not be written: nothing more is booked
}

type signIn struct {
	number string
	at     time.Time
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
	options.Logger = options.Logger.With("component", "centre")
	c := &Centre{
		options: options, people: map[string]*person{}, accounts: map[string]*account{}, bindings: map[string]*binding{},
		bySetl: map[string]*Row{}, byMsg: map[string]*Row{}, used: map[string]bool{}, signIns: map[string]signIn{},
		visits: map[string]*visit{}, traces: map[string]string{}, mapped: map[string]string{}, claims: map[string]bool{}, files: map[string]*file{},
		requests: map[string]*request{}, premiums: map[string]*premium{},
		byID: map[string]*person{}, byCard: map[string]*person{}, bound: map[string][]*binding{},
	}
	c.answers = c.answerers()
	if options.Journal != nil {
		if err := options.Journal.replay(c); err != nil {
			return nil, err
		}
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

// Seed is Load for a snapshot that is there already.
func (c *Centre) Seed(snapshot settle.Snapshot) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.complete(&snapshot); err != nil {
		return err
	}
	encoded, err := feed.EncodeSnapshot(snapshot)
	if err != nil {
		return err
	}
	return c.record(entry{Kind: entrySeed, Seed: encoded})
}

// Empty reports whether the centre knows nobody yet.
func (c *Centre) Empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.people) == 0
}

// tick is the time of an answer or snapshot: in milliseconds, and later than every one before.
func (c *Centre) tick() time.Time {
	now := c.options.Clock().Truncate(time.Millisecond)
	if !now.After(c.last) {
		now = c.last.Add(time.Millisecond)
	}
	c.last = now
	return now
}

func (c *Centre) nextSerial() int64 {
	c.serial++
	return c.serial
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
		c.reply(w, Fault{}, received, nhsa.Request{}, nil, err)
		return
	}
	fault := c.options.Faults.next(request.Infno)
	if fault.before(w) {
		return
	}
	if fault.Kind == FaultExpireSignIn {
		c.expireSignIns()
	}
	c.reply(w, fault, received, request, c.answers[request.Infno], nil)
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
type answerer func(request *nhsa.Request) (output any, err error)

func (c *Centre) answerers() map[string]answerer {
	all := map[string]answerer{
		nhsa.InfnoSignIn: c.signIn, nhsa.InfnoPerson: c.person, nhsa.InfnoSettle: c.settle, nhsa.InfnoCancel: c.cancel,
		nhsa.InfnoReverse: c.reverse, nhsa.InfnoFamily: c.family, nhsa.InfnoDelta: c.delta,
		nhsa.InfnoBinding: c.askBinding, nhsa.InfnoPremium: c.payPremium,
		nhsa.InfnoSignOut: c.signOut, nhsa.InfnoInstitution: c.institution, nhsa.InfnoDictionary: c.dictionary, nhsa.InfnoBenefit: c.benefit,
		nhsa.InfnoQuote: c.quote, nhsa.InfnoRegister: c.register, nhsa.InfnoUnregister: c.unregister, nhsa.InfnoVisit: c.visitInfo,
		nhsa.InfnoFees: c.fees, nhsa.InfnoUnfees: c.unfees, nhsa.InfnoClinicQuote: c.clinicQuote, nhsa.InfnoClinicSettle: c.clinicSettle,
		nhsa.InfnoClinicCancel: c.cancel, nhsa.InfnoTotals: c.totals, nhsa.InfnoDetails: c.details, nhsa.InfnoClearing: c.clearing,
		nhsa.InfnoMapping: c.mapping, nhsa.InfnoUnmapping: c.unmapping, nhsa.InfnoSold: c.sold, nhsa.InfnoReturned: c.returned,
		nhsa.InfnoVisits: c.listVisits, nhsa.InfnoSettlement: c.settlement, nhsa.InfnoSettledLines: c.settledLines,
		nhsa.InfnoUpload: c.upload, nhsa.InfnoDownload: c.download,
	}
	for _, infno := range c.options.Without {
		delete(all, infno)
	}
	return all
}

// reply does the message and writes the answer, or loses it where a fault says so.
func (c *Centre) reply(w http.ResponseWriter, fault Fault, received time.Time, request nhsa.Request, do answerer, refused error) {
	answer := nhsa.Answer{Output: json.RawMessage("{}")}
	c.mu.Lock()
	var output any
	err := refused
	switch {
	case err != nil:
	case fault.Kind == FaultBlind:
		err = refusal("[2601-NOTFOUND] 未查询到原交易")
	case do == nil:
		err = refusal("[INFNO] 交易编号不存在")
	default:
		if err = c.envelope(&request); err == nil {
			c.phantom = fault.Kind == FaultVenueOnly
			output, err = do(&request)
			c.phantom = false
		}
		if err == nil && fault.Kind == FaultCentreOnly {
			err = refusal("[SYSTEM] 系统繁忙，请稍后再试")
		}
	}
	answer.CentreTime = c.tick()
	answer.Reference = fmt.Sprintf("%s%s%010d", c.options.Area, answer.CentreTime.In(settle.Beijing).Format("20060102150405"), c.nextSerial()%1e10)
	c.mu.Unlock()
	var text refusal
	switch {
	case errors.As(err, &text):
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
		answer.Output, err = json.Marshal(output)
		if err == nil && request.Infno[0] != 'G' { // the extensions have one form only
			answer.Output, err = c.options.Manner.write(answer.Output)
		}
		if err != nil {
			c.options.Logger.Error("an answer could not be encoded", "infno", request.Infno, "err", err.Error())
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
	}
	if c.options.Body != nil && request.EncType == nhsa.EncSM4 {
		sealed, err := c.options.Body.Seal(answer.Output)
		if err == nil {
			answer.Output, err = json.Marshal(sealed)
		}
		if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		answer.EncType = nhsa.EncSM4
	}
	c.options.Logger.Info("answered", "infno", request.Infno, "msgid", request.MsgID, "infcode", answer.Code)
	fault.after(w, func(out io.Writer) error { return nhsa.EncodeAnswer(out, answer, received) })
}

// envelope checks what every message must carry.
func (c *Centre) envelope(r *nhsa.Request) error {
	if err := r.Check(false); err != nil {
		return refusal("[FORMAT] " + err.Error())
	}
	if r.MsgID[:len(r.Venue)] != r.Venue {
		return refusal("[FORMAT] msgid 须以定点医药机构编号开头")
	}
	return nil
}

// booking checks what a message that changes the book must carry: a sign-in and a msgid of its own.
func (c *Centre) booking(r *nhsa.Request) error {
	have := c.signIns[r.Venue+"/"+r.Operator]
	if have.number == "" || have.number != r.SignNo || c.options.Clock().Sub(have.at) > c.options.SignInLife {
		return refusal("[SIGNIN] 签到流水号无效或已过期，请先签到")
	}
	if c.byMsg[r.MsgID] != nil || c.used[r.MsgID] {
		return refusal("[MSGID-REPEATED] 报文ID重复")
	}
	return c.broken
}

func (c *Centre) expireSignIns() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.signIns)
}

// input reads the input of a message.
func input[T any](r *nhsa.Request) (T, error) {
	var in T
	if err := json.Unmarshal(r.Input, &in); err != nil {
		return in, refusal("[FORMAT] input 不是接口规定的格式")
	}
	return in, nil
}
