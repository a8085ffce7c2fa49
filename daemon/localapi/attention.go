package localapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
	"gongji/settle"
)

// attentionLimit is the most items that one answer lists.
const attentionLimit = 500

// AttentionAnswer is one item of the work list.
type AttentionAnswer struct {
	ID           int64     `json:"id"`
	Kind         string    `json:"kind" enum:"refused,unknown,adjusted,held,one_sided,agency,goods"`
	Message      string    `json:"message" doc:"Chinese: what is to be decided"`
	SettlementID string    `json:"settlement_id,omitempty"`
	SubjectID    string    `json:"subject_id,omitempty" doc:"The till's id of the return, the contribution or the request it is about"`
	Subject      string    `json:"subject,omitempty" enum:"settle,reverse,refund,binding,premium,premium_cancel" doc:"What was reported"`
	OpenedAt     time.Time `json:"opened_at"`
	Detail       string    `json:"detail,omitempty" doc:"The centre's text, or both sides' figures as JSON"`

	Amount    *Yuan            `json:"amount,omitempty" doc:"At stake: what the centre does not pay of a refused sale; or of an adjusted one the cash to be collected, negative to be paid back"`
	Holder    string           `json:"holder,omitempty" doc:"Masked name of the patient"`
	Decisions []DecisionAnswer `json:"decisions" doc:"Of which one must be sent; none: seeing it is enough"`
}

// DecisionAnswer is something that may be decided about an item.
type DecisionAnswer struct {
	Decision string `json:"decision" enum:"re_report,adopt,collect,write_off,cash_settled"`
	Label    string `json:"label" doc:"Chinese"`
}

// decisionLabels name the decisions for the person who decides.
var decisionLabels = map[settle.Decision]string{
	settle.DecideReReport: "更正后重新上报", settle.DecideCollect: "已向患者补收现金", settle.DecideWriteOff: "由本店承担（核销）",
	settle.DecideCashSettled: "差额现金已收付", settle.DecideAdopt: "中心已有这笔，认领",
}

func decisionAnswers(decisions []settle.Decision) []DecisionAnswer {
	answers := []DecisionAnswer{}
	for _, d := range decisions {
		if d != settle.DecideNone {
			answers = append(answers, DecisionAnswer{string(d), decisionLabels[d]})
		}
	}
	return answers
}

// AttentionsAnswer is everything that waits for a person's decision, oldest first.
type AttentionsAnswer struct {
	Items []AttentionAnswer `json:"items"`
}

// ClosedAnswer confirms that an item was taken off the list.
type ClosedAnswer struct {
	ID     int64 `json:"id"`
	Closed bool  `json:"closed"`
}

// attentionMessages say what each kind asks for.
var attentionMessages = map[settle.AttentionKind]string{
	"refused":   "医保中心拒绝了上报，请核对后处理。",
	"unknown":   "医保中心是否入账尚不明确，系统正在查询。",
	"adjusted":  "医保中心入账的内容与本机不同，以中心为准，请核对。",
	"held":      "上报没有得到结果，已暂停，请处理。",
	"one_sided": "只有一方有这笔账，请与医保中心核对。",
	"agency":    "退款账户已注销或持有人已故，请交医保经办机构处理。",
	"goods":     "药品追溯码有几行没有被医保中心接收，请更正后补报。",
}

// needManager is FORBIDDEN for anybody but a manager.
func needManager(ctx context.Context) error {
	if callOf(ctx).manager() {
		return nil
	}
	return settle.NewError(settle.Forbidden, nil).With("needs", string(Manager))
}

type attentionOutput struct{ Body AttentionsAnswer }

func (s *Server) addAttention(op huma.Operation) {
	register(s, op, func(ctx context.Context, _ *struct{}) (*attentionOutput, error) {
		if err := needManager(ctx); err != nil {
			return nil, err
		}
		list, err := s.o.Session.Attention(ctx, attentionLimit)
		if err != nil {
			return nil, err
		}
		answer := AttentionsAnswer{Items: make([]AttentionAnswer, len(list))}
		for i := range list {
			a := &list[i]
			answer.Items[i] = AttentionAnswer{
				ID: a.ID, Kind: string(a.Kind), Message: attentionMessages[a.Kind], SettlementID: a.Settlement, SubjectID: a.Return,
				Subject: string(a.ReportKind), OpenedAt: a.OpenedAt.In(settle.Beijing), Detail: a.Detail,
				Holder: a.Holder, Decisions: decisionAnswers(a.Decisions),
			}
			if a.Amount != 0 {
				answer.Items[i].Amount = yuanOf(a.Amount)
			}
		}
		return &attentionOutput{Body: answer}, nil
	})
}

type closeAttentionInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body session.CloseAttentionRequest
}

// Resolve adds what the schema cannot say.
func (in *closeAttentionInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

type closedOutput struct{ Body ClosedAnswer }

func (s *Server) addCloseAttention(op huma.Operation) {
	op.Description = "Takes an item off the list: a person has decided, and the decision is recorded and carried out. Of an item that lists decisions one must be sent: a refused sale's account money flows back once it is collected or written off, a refused report is sent again, open cash is settled."
	register(s, op, func(ctx context.Context, in *closeAttentionInput) (*closedOutput, error) {
		if err := needManager(ctx); err != nil {
			return nil, err
		}
		if err := s.o.Session.CloseAttention(ctx, in.ID, in.Body); err != nil {
			return nil, err
		}
		return &closedOutput{Body: ClosedAnswer{ID: in.ID, Closed: true}}, nil
	})
}
