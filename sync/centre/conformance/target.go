package conformance

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// Target is a centre and who may be used at it.
type Target struct {
	URL      string
	Venue    settle.Venue
	Operator settle.Operator
	Person   centre.Member // with a card, an account, and some money in it
	Dialect  *nhsa.Dialect // nil: national
}

// Check is one thing that a centre must do.
type Check struct {
	Name string
	Run  func(*Session) error
}

// ErrNotOffered says that the centre does not have the transaction and need not have it.
var ErrNotOffered = errors.New("the centre does not offer this transaction")

// Session speaks to the target for one check after the other. It is not safe for concurrent use.
type Session struct {
	Target
	client *nhsa.Client
	ctx    context.Context //nolint:containedctx // a session lives as long as one run of the suite
	signNo string
	unique atomic.Uint64
}

// Open makes a session; NOT_CONFIGURED where the target does not fit the interface.
func Open(ctx context.Context, target Target) (*Session, error) {
	s := &Session{Target: target, ctx: ctx}
	s.unique.Store(uint64(time.Now().UnixNano() / 1000)) //nolint:gosec // a time after 1970
	client, err := nhsa.NewClient(nhsa.Options{
		URL: target.URL, Venue: target.Venue, Dialect: target.Dialect, Timeout: 20 * time.Second,
		Serials: func(context.Context) (uint64, error) { return s.unique.Add(1), nil },
	})
	s.client = client
	return s, err
}

// Close ends the session.
func (s *Session) Close() { s.client.Close() }

// mark is a text that no other run has used.
func (s *Session) mark() string { return strconv.FormatUint(s.unique.Add(1), 36) }

func (s *Session) prepare(message nhsa.Message) (nhsa.Prepared, error) {
	return s.client.Prepare(s.ctx, nhsa.Call{Message: message, Operator: s.Operator, SignNo: s.signNo, InsuredArea: s.Person.Area})
}

// ask sends a message that must be answered, one way or the other.
func (s *Session) ask(message nhsa.Message) (nhsa.Outcome, string, error) {
	prepared, err := s.prepare(message)
	if err != nil {
		return nhsa.Outcome{}, "", err
	}
	outcome := s.client.Send(s.ctx, prepared)
	switch {
	case outcome.Result != nhsa.Answered:
		return outcome, "", fmt.Errorf("%s: no answer: %w", message.Infno(), outcome.Err)
	case s.client.TransactionUnknown(outcome):
		return outcome, "", fmt.Errorf("%s: %w", message.Infno(), ErrNotOffered)
	}
	return outcome, prepared.MsgID, nil
}

// must sends a message that the centre has to do.
func (s *Session) must(message nhsa.Message) (*nhsa.Answer, string, error) {
	outcome, msgid, err := s.ask(message)
	if err == nil && !outcome.Done() {
		err = fmt.Errorf("%s was refused: %s", message.Infno(), outcome.Fault)
	}
	return outcome.Answer, msgid, err
}

// refused sends a message that the centre must not do.
func (s *Session) refused(what string, message nhsa.Message) error {
	outcome, _, err := s.ask(message)
	if err == nil && !outcome.Refused() {
		err = fmt.Errorf("%s %s was not refused", message.Infno(), what)
	}
	return err
}

func (s *Session) signIn() error {
	answer, _, err := s.must(nhsa.SignIn{Operator: s.Operator.ID, MAC: "02:00:00:00:00:01", IP: "192.0.2.1"})
	if err != nil {
		return err
	}
	result, err := nhsa.DecodeSignIn(answer)
	s.signNo = result.SignNo
	return err
}

func (s *Session) balance() (settle.Fen, error) {
	answer, _, err := s.must(nhsa.PersonQuery{CertType: "03", CertNo: s.Person.CardNumber, Identifier: s.Person.Identifier})
	if err != nil {
		return 0, err
	}
	person, err := nhsa.DecodePerson(answer)
	if err == nil && person.PsnNo != s.Person.PsnNo {
		err = errors.New("1101 names another person")
	}
	return person.Balance, err
}

// saleTotal is what the suite sells.
const saleTotal settle.Fen = 1230

func (s *Session) dossier() settle.Dossier {
	return settle.Dossier{
		Identity:   settle.Identity{PsnNo: s.Person.PsnNo, IDNumber: s.Person.IDNumber, Name: s.Person.Name, Insurance: s.Person.Insurance, Area: s.Person.Area},
		Credential: settle.CredentialCard,
		Card:       settle.CardNumbers{Number: s.Person.CardNumber, Identifier: s.Person.Identifier, IDNumber: s.Person.IDNumber},
		Sale: settle.Sale{MedType: "41", UseAccounts: true, Operator: s.Operator, Lines: []settle.Line{
			{ID: "1", Code: "XA01ABD075A002010100483", ShopCode: "6901", Quantity: "2", UnitPrice: "4.00", Total: 800},
			{ID: "2", Code: "XB02", ShopCode: "6902", Quantity: "1", UnitPrice: "4.30", Total: 430},
		}},
		Figures: settle.Figures{Total: saleTotal, Own: saleTotal}, At: time.Now(), ReceiptNo: "R" + s.mark(),
	}
}

// sell books a sale and returns it as the centre has it.
func (s *Session) sell() (settle.Booking, error) {
	d := s.dossier()
	answer, msgid, err := s.must(nhsa.PharmacySettle{Dossier: d})
	if err != nil {
		return settle.Booking{}, err
	}
	return s.client.DecodeBooking(answer, msgid, &d)
}

func (s *Session) cancel(b settle.Booking) (settle.Booking, error) {
	answer, msgid, err := s.must(nhsa.Cancel{PsnNo: s.Person.PsnNo, SetlID: b.SetlID, MdtrtID: b.MdtrtID})
	if err != nil {
		return settle.Booking{}, err
	}
	return nhsa.DecodeCancel(answer, msgid), nil
}

func (s *Session) expectBalance(want settle.Fen, after string) error {
	now, err := s.balance()
	if err == nil && now != want {
		err = fmt.Errorf("%s the balance is not what it must be", after)
	}
	return err
}
