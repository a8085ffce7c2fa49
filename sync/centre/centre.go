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
	broken   error // the journal could not be written: nothing more is booked
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
const maxMessage = 4 << 20

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
	request, err := nhsa.DecodeRequest(data)
	if err != nil {
		c.reply(w, Fault{}, received, nhsa.Request{}, nil, refusal("[FORMAT] 报文不是接口规定的格式"))
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

// answerer does one message under the lock and returns its output. A refusal becomes infcode -1; any other error is
// the centre's own trouble and becomes HTTP 500, which tells the sender nothing.
type answerer func(request *nhsa.Request) (output any, err error)

func (c *Centre) answerers() map[string]answerer {
	all := map[string]answerer{
		nhsa.InfnoSignIn: c.signIn, nhsa.InfnoPerson: c.person, nhsa.InfnoSettle: c.settle, nhsa.InfnoCancel: c.cancel,
		nhsa.InfnoReverse: c.reverse, nhsa.InfnoFamily: c.family, nhsa.InfnoDelta: c.delta,
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
	case do == nil:
		err = refusal("[INFNO] 交易编号不存在")
	default:
		if err = c.envelope(&request); err == nil {
			output, err = do(&request)
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
		if answer.Output, err = json.Marshal(output); err != nil {
			c.options.Logger.Error("an answer could not be encoded", "infno", request.Infno, "err", err.Error())
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
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
