package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Options of a Feed. Store, Client and SignIns are needed.
type Options struct {
	Store    Store
	Client   *nhsa.Client
	SignIns  *nhsa.SignIns
	Operator settle.Operator // under whose name the daemon itself asks; default gongjid
	Logger   *slog.Logger
	Clock    func() time.Time

	Extension bool          // the centre has G101 and G102
	OnSwipe   bool          // ask G101 on a swipe where the extension is on, else always 1101
	Interval  time.Duration // between two pulls; default 30 s
	Page      int           // entries in a page of G102; default 1000
	// Jitter spreads the interval by something from 0 to most; default at random. A simulation that must replay has its own.
	Jitter func(most time.Duration) time.Duration
}

// Feed is the one way from the centre into the cached ledger. It is safe for concurrent use.
type Feed struct {
	options   Options
	off       atomic.Bool // the centre does not know the extension
	noReturns atomic.Bool // the centre does not know G105
	nudged    chan struct{}
}

// New checks the options; the error is NOT_CONFIGURED and names what is missing.
func New(options Options) (*Feed, error) {
	if options.Store == nil || options.Client == nil || options.SignIns == nil {
		return nil, settle.NewError(settle.NotConfigured, errors.New("feed needs Store, Client and SignIns"))
	}
	if options.Operator.ID == "" {
		options.Operator = settle.Operator{ID: "gongjid", Name: "系统"}
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Interval <= 0 {
		options.Interval = 30 * time.Second
	}
	if options.Jitter == nil {
		options.Jitter = func(most time.Duration) time.Duration { return rand.N(most + 1) } //nolint:gosec // jitter
	}
	if options.Page <= 0 {
		options.Page = 1000
	}
	options.Logger = options.Logger.With("component", "feed")
	return &Feed{options: options, nudged: make(chan struct{}, 1)}, nil
}

// nudgedRetry is how soon a pull that was asked for is tried again where it failed: it was asked for since something urgent
// waits at the centre.
const nudgedRetry = 2 * time.Second

// Nudge makes Run pull at once: the centre has said that something has changed which cannot wait for the interval. It does
// not block, and several nudges during a pull are one more pull.
func (f *Feed) Nudge() {
	select {
	case f.nudged <- struct{}{}:
	default:
	}
}

// Extended reports whether G101 and G102 are in use.
func (f *Feed) Extended() bool { return f.options.Extension && !f.off.Load() }

// ask sends a query and signs in once where the centre wants that first.
func (f *Feed) ask(ctx context.Context, message nhsa.Message) (nhsa.Outcome, error) {
	signNo := f.options.SignIns.Cached(f.options.Operator)
	outcome, err := f.options.Client.Ask(ctx, nhsa.Call{Message: message, Operator: f.options.Operator, SignNo: signNo})
	if err != nil || !f.options.Client.SignInRefused(outcome) {
		return outcome, err
	}
	f.options.SignIns.Forget(f.options.Operator, signNo)
	signNo, signIn, err := f.options.SignIns.Number(ctx, f.options.Operator)
	if err != nil || signNo == "" {
		return signIn, err
	}
	return f.options.Client.Ask(ctx, nhsa.Call{Message: message, Operator: f.options.Operator, SignNo: signNo})
}

// extension asks G101 or G102. ok is false where the centre has no such message; the extension is off from then on.
func (f *Feed) extension(ctx context.Context, message nhsa.Message) (page nhsa.SnapshotAnswer, ok bool, err error) {
	outcome, err := f.ask(ctx, message)
	if err != nil {
		return page, true, err
	}
	if f.options.Client.TransactionUnknown(outcome) {
		if f.off.CompareAndSwap(false, true) {
			f.options.Logger.Warn("the centre does not have the feed extension; it stays off until the next start", "infno", message.Infno())
		}
		return page, false, nil
	}
	if err := outcomeError(outcome); err != nil {
		return page, true, err
	}
	page, err = nhsa.DecodeSnapshotAnswer(outcome.Answer)
	if err != nil {
		return page, true, settle.NewError(settle.UpstreamSilent, err)
	}
	return page, true, nil
}

// outcomeError is UPSTREAM_SILENT where there is no usable answer, PERSON_UNKNOWN with the centre's redacted text where
// the centre refused.
func outcomeError(o nhsa.Outcome) error {
	switch {
	case o.Done():
		return nil
	case o.Refused():
		return settle.NewError(settle.PersonUnknown, errors.New("the centre refused the query")).With("centre_text", o.Fault)
	case o.Result == nhsa.Answered:
		return settle.NewError(settle.UpstreamSilent, fmt.Errorf("infcode %d", o.Answer.Code))
	}
	return settle.NewError(settle.UpstreamSilent, o.Err)
}

// Pull fetches everything that changed since the stored cursor and applies it. It returns how many pages there were;
// nothing is done where the extension is off. Errors: UPSTREAM_SILENT, BAD_REQUEST for a page that does not fit the
// format, and the store's.
func (f *Feed) Pull(ctx context.Context) (pages int, err error) {
	if !f.Extended() {
		return 0, nil
	}
	cursor, err := f.options.Store.FeedCursor(ctx)
	if err != nil {
		return 0, err
	}
	var whole gathered // a full snapshot over its pages
	defer func() { err = errors.Join(err, whole.drop(ctx)) }()
	for {
		answer, ok, err := f.extension(ctx, nhsa.DeltaQuery{Cursor: cursor, Limit: f.options.Page})
		if err != nil || !ok {
			return pages, err
		}
		page, err := DecodeSnapshot(answer.Snapshot)
		if err != nil {
			return pages, err
		}
		pages++
		if answer.More && page.Cursor == cursor {
			return pages, settle.NewError(settle.UpstreamSilent, errors.New("the feed's cursor does not move"))
		}
		cursor = page.Cursor
		switch {
		case page.Full && answer.More || whole.begun:
			err = whole.add(ctx, f.options.Store, page)
			if err == nil && !answer.More {
				err = whole.apply(ctx, f.options.Store, page)
			}
		default:
			err = f.options.Store.ApplySnapshot(ctx, page)
		}
		if err != nil || !answer.More {
			return pages, err
		}
	}
}

// Run pulls at once and then at the interval or when nudged until ctx ends, and gives allowances back that are near their
// end; at its own end it gives nothing back. A failing centre is logged when it begins and when it is over. It returns nil when ctx ends; where the extension is not in use it just waits for that.
func (f *Feed) Run(ctx context.Context) error {
	failing, urgent := false, false
	for f.Extended() && ctx.Err() == nil {
		pages, err := f.Pull(ctx)
		if err == nil {
			err = f.ReturnAllowances(ctx, false)
		}
		switch {
		case ctx.Err() != nil:
		case err != nil && !failing:
			f.options.Logger.Warn("the ledger could not be refreshed", "code", string(settle.CodeOf(err)), "err", err.Error())
			failing = true
		case err == nil && failing:
			f.options.Logger.Info("the ledger is being refreshed again", "pages", pages)
			failing = false
		}
		// A tenth of jitter keeps the tills of a chain from asking in step.
		wait := f.options.Interval + f.options.Jitter(f.options.Interval/10)
		if urgent = urgent && err != nil; urgent {
			wait = min(wait, nudgedRetry)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-f.nudged:
			urgent = true
		}
		timer.Stop()
	}
	<-ctx.Done()
	return nil
}
