package localapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
	"gongji/settle"
)

// LimitAnswer is a giver's limit.
type LimitAnswer struct {
	Amount Yuan   `json:"amount"`
	Used   Yuan   `json:"used"`
	Scope  string `json:"scope" enum:"all,each" doc:"Of all relatives together, or of this one"`
}

// QuotaAnswer is the quota of a wallet binding (医保钱包).
type QuotaAnswer struct {
	Total Yuan `json:"total"`
	Used  Yuan `json:"used"`
}

// BindingAnswer is a binding as one of its two people sees it. What a giver has set aside is shown to the giver and to a
// manager only.
type BindingAnswer struct {
	BindingID  string       `json:"binding_id"`
	Role       string       `json:"role" enum:"giver,beneficiary" doc:"Of the card's holder"`
	Other      string       `json:"other" doc:"Masked name of the other one"`
	Relation   string       `json:"relation" doc:"What the beneficiary is to the giver"`
	GiverRef   string       `json:"giver_ref,omitempty" doc:"For selected_givers"`
	Rank       int          `json:"rank"`
	Mode       string       `json:"mode" enum:"direct,wallet"`
	BoundAt    string       `json:"bound_at"`
	ValidFrom  string       `json:"valid_from"`
	ValidTo    string       `json:"valid_to,omitempty" doc:"Last day; left out: open end"`
	State      string       `json:"state" enum:"active,not_yet,expired,ended"`
	EndReason  string       `json:"end_reason,omitempty" enum:"death,insurance_moved,insurance_ended" doc:"It ended by itself, as the region's policy says"`
	EndedBy    string       `json:"ended_by,omitempty" enum:"ledger,centre" doc:"centre: the centre has ended it too"`
	Message    string       `json:"message,omitempty" doc:"Chinese, for the cashier: why it ended"`
	MessageEN  string       `json:"message_en,omitempty" doc:"The same in English"`
	Limit      *LimitAnswer `json:"limit,omitempty"`
	Quota      *QuotaAnswer `json:"quota,omitempty"`
	AuthMethod string       `json:"auth_method,omitempty" doc:"How the giver was authenticated when it was made, as the centre tells it"`
	Network    string       `json:"network,omitempty" doc:"Number of the household network"`
}

// HouseholdAnswer is a household network (家庭共济网) that the card's holder belongs to.
type HouseholdAnswer struct {
	Network string         `json:"network"`
	Holder  string         `json:"holder" doc:"Masked name of the giver who holds it"`
	Role    string         `json:"role" enum:"holder,member" doc:"Of the card's holder"`
	Members []MemberAnswer `json:"members" doc:"Those the holder gives to; a member sees itself alone"`
}

// MemberAnswer is a member of a household.
type MemberAnswer struct {
	Name     string `json:"name" doc:"Masked"`
	Relation string `json:"relation" doc:"What the member is to the holder"`
}

// BindingsAnswer is every binding of the card's holder, those in which the holder gives first, and the requests that the
// centre has not answered.
type BindingsAnswer struct {
	Bindings []BindingAnswer `json:"bindings"`
	Requests []RequestAnswer `json:"requests" doc:"Nothing in them counts yet"`

	Households []HouseholdAnswer `json:"households" doc:"Household networks, where the region has them"`
}

// NoticeAnswer is a notice that was read before a request.
type NoticeAnswer struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	ReadBy  string `json:"read_by" enum:"giver,operator"`
}

// RequestAnswer is a request for a binding, its change or its end.
type RequestAnswer struct {
	RequestID     string        `json:"request_id"`
	Action        string        `json:"action" enum:"bind,unbind,reorder,limit"`
	BindingID     string        `json:"binding_id,omitempty"`
	Giver         string        `json:"giver" doc:"Masked name"`
	Beneficiary   string        `json:"beneficiary" doc:"Masked name"`
	Relation      string        `json:"relation"`
	Rank          int           `json:"rank,omitempty"`
	Limit         *Yuan         `json:"limit,omitempty" doc:"Shown to who asked and to a manager"`
	ValidFrom     string        `json:"valid_from,omitempty"`
	ValidTo       string        `json:"valid_to,omitempty"`
	EndReason     string        `json:"end_reason,omitempty"`
	Notice        *NoticeAnswer `json:"notice,omitempty" doc:"The notice that was read"`
	AuthMethod    string        `json:"auth_method,omitempty" doc:"How the giver was authenticated"`
	Network       string        `json:"network,omitempty" doc:"Number of the household network"`
	State         string        `json:"state" enum:"preview,pending,confirmed,refused" doc:"Only what is confirmed counts; a preview was not sent"`
	ConfirmDigest string        `json:"confirm_digest,omitempty" doc:"Of a preview: to be sent back to confirm it"`
	Answer        string        `json:"answer,omitempty" doc:"The centre's reason"`
	Report        string        `json:"report,omitempty" doc:"pending, accepted, unknown, refused or adjusted"`
	At            time.Time     `json:"at"`
	POS           string        `json:"pos"`
	Message       string        `json:"message" doc:"Chinese, for the cashier"`
}

// requestMessages say what became of a request.
var requestMessages = map[settle.RequestState]string{
	settle.RequestPending:   "已提交，等待医保中心确认；确认后才生效。",
	settle.RequestConfirmed: "医保中心已确认。",
	settle.RequestRefused:   "医保中心未同意，请看原因。",
}

// previewMessage stands on what was checked and not sent.
const previewMessage = "请本人核对以上内容，无误后确认；尚未提交。"

// asked is an answer to a request: 200 to a preview, which created nothing.
func asked[T any](body T, replayed, preview bool) *created[T] {
	if preview {
		return &created[T]{Status: http.StatusOK, Body: body}
	}
	return answered(body, replayed)
}

type bindingsOutput struct{ Body BindingsAnswer }

func (s *Server) addBindings(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *accountsInput) (*bindingsOutput, error) {
		c := callOf(ctx)
		view, err := s.o.Session.Bindings(ctx, c.token.Name, in.Terminal)
		if err != nil {
			return nil, err
		}
		answer := BindingsAnswer{Bindings: make([]BindingAnswer, len(view.Bindings)), Requests: make([]RequestAnswer, len(view.Open))}
		for i := range view.Bindings {
			answer.Bindings[i] = bindingAnswer(&view.Bindings[i], c.manager())
		}
		for i := range view.Open {
			answer.Requests[i] = requestAnswer(&view.Open[i], c)
		}
		answer.Households = householdAnswers(view.Households)
		return &bindingsOutput{Body: answer}, nil
	})
}

func householdAnswers(list []settle.Household) []HouseholdAnswer {
	answers := make([]HouseholdAnswer, len(list))
	for i := range list {
		h := &list[i]
		answers[i] = HouseholdAnswer{Network: h.Network, Holder: h.Holder, Role: "member", Members: make([]MemberAnswer, len(h.Members))}
		if h.IsHolder {
			answers[i].Role = "holder"
		}
		for n := range h.Members {
			answers[i].Members[n] = MemberAnswer{h.Members[n].Masked, string(h.Members[n].Relation)}
		}
	}
	return answers
}

func bindingAnswer(b *settle.BindingView, manager bool) BindingAnswer {
	answer := BindingAnswer{
		BindingID: b.ID, Role: "beneficiary", Other: b.Other.Masked, Relation: string(b.Relation), GiverRef: b.Other.GiverRef, Rank: b.Rank,
		Mode: string(b.Mode), BoundAt: b.BoundAt.String(), ValidFrom: b.ValidFrom.String(), ValidTo: b.ValidTo.String(), State: b.State,
		AuthMethod: b.AuthMethod, Network: b.Network,
	}
	if b.AsGiver {
		answer.Role = "giver"
	}
	if b.End != nil {
		answer.EndReason, answer.EndedBy = b.End.Reason, "ledger"
		if b.End.ByCentre {
			answer.EndedBy = "centre"
		}
		answer.Message, answer.MessageEN = b.End.Words.Message+b.End.Words.Hint, b.End.Words.English
	}
	if !b.AsGiver && !manager {
		return answer
	}
	if b.Limit.Set {
		answer.Limit = &LimitAnswer{Amount: yuan(b.Limit.Max), Used: yuan(b.LimitUsed), Scope: "each"}
		if b.LimitAll {
			answer.Limit.Scope = "all"
		}
	}
	if b.Mode == settle.Wallet {
		answer.Quota = &QuotaAnswer{Total: yuan(b.QuotaTotal), Used: yuan(b.QuotaUsed)}
	}
	return answer
}

// requestAnswer shows the limit to the till that asked for it, and to a manager.
func requestAnswer(r *settle.RequestView, c *call) RequestAnswer {
	answer := RequestAnswer{
		RequestID: r.ID, Action: string(r.Action), BindingID: r.Binding, Giver: r.GiverMasked, Beneficiary: r.BeneficiaryMasked,
		Relation: string(r.Relation), Rank: r.Rank, ValidFrom: r.ValidFrom.String(), ValidTo: r.ValidTo.String(), EndReason: r.EndReason,
		State: string(r.State), Answer: r.Answer, Report: string(reportOf(r.Report)), At: r.At.In(settle.Beijing), POS: r.POS,
		Message: requestMessages[r.State],
	}
	answer.AuthMethod, answer.Network, answer.ConfirmDigest = r.AuthMethod, r.Network, r.ConfirmDigest
	if r.Notice.ID != "" {
		notice := NoticeAnswer(r.Notice)
		answer.Notice = &notice
	}
	if r.ConfirmDigest != "" {
		answer.State, answer.Report, answer.Message = "preview", "", previewMessage
	}
	if r.Limit.Set && (c.manager() || r.POS == c.token.Name) {
		answer.Limit = yuanOf(r.Limit.Max)
	}
	return answer
}

type bindInput struct{ Body session.BindRequest }

// Resolve adds what the schema cannot say.
func (in *bindInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

func (s *Server) addBind(op huma.Operation) {
	op.Description = "Checked against the region's policy, sent to the centre, and counted only when the centre has confirmed it. " +
		"With preview, 200 with what would be sent and its confirm_digest; nothing is written."
	register(s, creates[RequestAnswer](s, op), func(ctx context.Context, in *bindInput) (*created[RequestAnswer], error) {
		c := callOf(ctx)
		in.Body.POS = c.token.Name
		view, replayed, err := s.o.Session.Bind(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return asked(requestAnswer(&view, c), replayed, in.Body.Preview), nil
	})
}

type changeBindingInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body session.ChangeBindingRequest
}

// Resolve adds what the schema cannot say.
func (in *changeBindingInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

func (s *Server) addChangeBinding(op huma.Operation) {
	op.Description = "Asks the centre for a new rank or a new limit; as POST /v1/bindings."
	register(s, creates[RequestAnswer](s, op), func(ctx context.Context, in *changeBindingInput) (*created[RequestAnswer], error) {
		c := callOf(ctx)
		in.Body.POS, in.Body.Binding = c.token.Name, in.ID
		view, replayed, err := s.o.Session.ChangeBinding(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return asked(requestAnswer(&view, c), replayed, in.Body.Preview), nil
	})
}

type endBindingInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body session.EndBindingRequest
}

// Resolve adds what the schema cannot say.
func (in *endBindingInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

func (s *Server) addEndBinding(op huma.Operation) {
	op.Description = "Asks the centre to end a binding; as POST /v1/bindings."
	register(s, creates[RequestAnswer](s, op), func(ctx context.Context, in *endBindingInput) (*created[RequestAnswer], error) {
		c := callOf(ctx)
		in.Body.POS, in.Body.Binding = c.token.Name, in.ID
		view, replayed, err := s.o.Session.EndBinding(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return asked(requestAnswer(&view, c), replayed, in.Body.Preview), nil
	})
}

type findRequestInput struct {
	ID string `path:"request_id" maxLength:"64"`
}

type requestOutput struct{ Body RequestAnswer }

func (s *Server) addFindRequest(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *findRequestInput) (*requestOutput, error) {
		c := callOf(ctx)
		view, err := s.o.Session.Request(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &requestOutput{Body: requestAnswer(&view, c)}, nil
	})
}
