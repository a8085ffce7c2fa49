package localapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
	"gongji/settle"
)

// PersonBeforeAnswer is what was known of a person until the centre said otherwise. Numbers are not shown: whether one
// has changed is told.
type PersonBeforeAnswer struct {
	From          time.Time `json:"from" doc:"Centre time from which it was known"`
	Until         time.Time `json:"until" doc:"Centre time of the word that changed it"`
	Name          string    `json:"name" doc:"Masked"`
	Insurance     string    `json:"insurance" doc:"Kind of insurance"`
	Status        string    `json:"status"`
	Area          string    `json:"area" doc:"Insured area"`
	NumberChanged bool      `json:"number_changed" doc:"The identity number that followed is another"`
	NameChanged   bool      `json:"name_changed"`
}

// HistoryAnswer is how a person's data have changed, the oldest first (S-098).
type HistoryAnswer struct {
	Changes []PersonBeforeAnswer `json:"changes"`
}

type historyInput struct {
	Terminal string `query:"terminal" maxLength:"32" doc:"Picks the reader where there are several"`
	Person   string `query:"person" maxLength:"18" doc:"Identity number of somebody else, whole; manager only"`
}

// Resolve names a number that cannot be read.
func (in *historyInput) Resolve(huma.Context) []error {
	if in.Person == "" {
		return nil
	}
	if _, err := settle.ParseIDNumber(in.Person); err != nil {
		return fieldErrors([]settle.FieldFault{{Field: "query.person", Message: "身份证号格式不正确。", Detail: "is not an identity number"}})
	}
	return nil
}

type historyOutput struct{ Body HistoryAnswer }

func (s *Server) addHistory(op huma.Operation) {
	op.Description = "Of the person whose card is in the reader; for a manager also of somebody else, by number. Each look is remembered."
	register(s, op, func(ctx context.Context, in *historyInput) (*historyOutput, error) {
		store, err := s.store()
		if err != nil {
			return nil, err
		}
		changes, err := s.historyOf(ctx, store, in)
		if err != nil {
			return nil, err
		}
		answer := HistoryAnswer{Changes: make([]PersonBeforeAnswer, len(changes))}
		for i := range changes {
			c := &changes[i]
			answer.Changes[i] = PersonBeforeAnswer{
				From: c.From.In(settle.Beijing), Until: c.Until.In(settle.Beijing), Name: c.Masked, Insurance: c.Insurance,
				Status: string(c.Status), Area: c.Area, NumberChanged: c.NumberChanged, NameChanged: c.NameChanged,
			}
		}
		return &historyOutput{Body: answer}, nil
	})
}

func (s *Server) historyOf(ctx context.Context, store Records, in *historyInput) ([]settle.PersonBefore, error) {
	if in.Person == "" {
		return s.o.Session.History(ctx, store, callOf(ctx).token.Name, in.Terminal)
	}
	if err := needManager(ctx); err != nil {
		return nil, err
	}
	number, err := settle.ParseIDNumber(in.Person)
	if err != nil {
		return nil, settle.NewError(settle.BadRequest, err)
	}
	person, err := s.o.Session.PersonByNumber(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := s.remember(ctx, store, session.HistoryViewed, map[string]string{"person": string(person)}); err != nil {
		return nil, err
	}
	return store.PersonHistory(ctx, person)
}
