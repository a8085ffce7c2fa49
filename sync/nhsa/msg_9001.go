package nhsa

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"gongji/settle"
)

// InfnoSignIn is 9001 签到.
const InfnoSignIn = "9001"

// SignIn is the input node signIn of 9001.
type SignIn struct {
	Operator string `json:"opter_no" wire:"C20,M"`
	MAC      string `json:"mac" wire:"C20,M"`
	IP       string `json:"ip" wire:"C20,M"`
}

// SignInInput is the input of 9001.
type SignInInput struct {
	SignIn SignIn `json:"signIn"`
}

// Infno is 9001.
func (SignIn) Infno() string { return InfnoSignIn }

// Input builds the node.
func (m SignIn) Input() (any, bool, error) {
	input := SignInInput{SignIn: m}
	return input, false, checkMessage(input)
}

// SignInResult is the answer of 9001.
type SignInResult struct {
	Time   time.Time
	SignNo string
}

// DecodeSignIn reads the node signinoutb.
func DecodeSignIn(a *Answer) (SignInResult, error) {
	node, err := a.node("signinoutb")
	if err != nil {
		return SignInResult{}, err
	}
	f, err := readFields(node)
	if err != nil {
		return SignInResult{}, err
	}
	result := SignInResult{Time: f.stamp("sign_time"), SignNo: f.text("sign_no")}
	if result.SignNo == "" {
		f.fail("sign_no", errors.New("is missing"))
	}
	return result, f.fault
}

// SignIns keeps one sign-in number for each operator. The interface does not say how long a number lives, so it is kept
// until the centre refuses it or a day is over. It is safe for concurrent use; callers of one operator share one 9001.
type SignIns struct {
	client *Client

	mu      sync.Mutex
	numbers map[string]signedIn
	flights map[string]*signInFlight
}

type signedIn struct {
	number string
	at     time.Time
}

type signInFlight struct {
	done    chan struct{}
	number  string
	outcome Outcome
	err     error
}

// signInLife is the longest time a number is kept.
const signInLife = 24 * time.Hour

// NewSignIns keeps the sign-ins of one client.
func NewSignIns(client *Client) *SignIns {
	return &SignIns{client: client, numbers: map[string]signedIn{}, flights: map[string]*signInFlight{}}
}

// Cached is the number of an operator who is signed in, else the empty text.
func (s *SignIns) Cached(operator settle.Operator) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cached(operator.ID)
}

func (s *SignIns) cached(operator string) string {
	have := s.numbers[operator]
	if have.number == "" || s.client.options.Clock().Sub(have.at) > signInLife {
		return ""
	}
	return have.number
}

// Number is the operator's number, signing in where there is none. Where it stays empty without an error, the outcome
// says why.
func (s *SignIns) Number(ctx context.Context, operator settle.Operator) (string, Outcome, error) {
	s.mu.Lock()
	if number := s.cached(operator.ID); number != "" {
		s.mu.Unlock()
		return number, Outcome{}, nil
	}
	flight, flying := s.flights[operator.ID]
	if flying {
		s.mu.Unlock()
		select {
		case <-flight.done:
			return flight.number, flight.outcome, flight.err
		case <-ctx.Done():
			return "", Outcome{Result: NotSent, Fault: "签到被中断", Err: ctx.Err()}, nil
		}
	}
	flight = &signInFlight{done: make(chan struct{})}
	s.flights[operator.ID] = flight
	s.mu.Unlock()
	flight.number, flight.outcome, flight.err = s.signIn(ctx, operator)
	s.mu.Lock()
	delete(s.flights, operator.ID)
	if flight.number != "" {
		s.numbers[operator.ID] = signedIn{flight.number, s.client.options.Clock()}
	}
	s.mu.Unlock()
	close(flight.done)
	return flight.number, flight.outcome, flight.err
}

// Renew signs the operator in again although a number may be there; it is how a silent line is probed, too.
func (s *SignIns) Renew(ctx context.Context, operator settle.Operator) (Outcome, error) {
	s.Forget(operator, s.Cached(operator))
	_, outcome, err := s.Number(ctx, operator)
	return outcome, err
}

// Forget drops a number that the centre has refused, unless a newer one has taken its place.
func (s *SignIns) Forget(operator settle.Operator, number string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.numbers[operator.ID].number == number {
		delete(s.numbers, operator.ID)
	}
}

// SignOut gives every number back (9002) and forgets it. A message that is on its way with an old number is refused and
// signs in again. The error joins those of the operators whom the centre did not sign out: UPSTREAM_SILENT or
// UPSTREAM_REFUSED.
func (s *SignIns) SignOut(ctx context.Context) (err error) {
	s.mu.Lock()
	given := s.numbers
	s.numbers = map[string]signedIn{}
	s.mu.Unlock()
	for _, operator := range slices.Sorted(maps.Keys(given)) {
		number := given[operator].number
		call := Call{Message: SignOut{SignNo: number, Operator: operator}, Operator: settle.Operator{ID: operator}, SignNo: number}
		outcome, failed := s.client.Ask(ctx, call)
		switch {
		case failed != nil:
		case outcome.Result != Answered:
			failed = settle.NewError(settle.UpstreamSilent, outcome.Err)
		case !outcome.Done():
			failed = settle.NewError(settle.UpstreamRefused, errors.New(outcome.Fault))
		}
		err = errors.Join(err, failed)
	}
	return err
}

func (s *SignIns) signIn(ctx context.Context, operator settle.Operator) (string, Outcome, error) {
	message := SignIn{Operator: operator.ID, MAC: s.client.options.MAC, IP: s.client.options.IP}
	outcome, err := s.client.Ask(ctx, Call{Message: message, Operator: operator})
	if err != nil || !outcome.Done() {
		return "", outcome, err
	}
	result, err := DecodeSignIn(outcome.Answer)
	if err != nil {
		return "", Outcome{Result: Unknown, Fault: "签到应答读不懂", Err: err}, nil
	}
	return result.SignNo, outcome, nil
}
