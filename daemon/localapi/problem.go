package localapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"gongji/settle"
)

const problemType = "application/problem+json"

// Problem is an error answer (RFC 9457). Further members, such as limit, allowed, used and asked of OFFLINE_LIMIT, field of
// IDEMPOTENCY_CONFLICT or quote of QUOTE_CHANGED, stand beside the fixed ones.
type Problem struct {
	Type      string              `json:"type" doc:"urn:gongji:error: and the code"`
	Title     string              `json:"title"`
	Status    int                 `json:"status"`
	Detail    string              `json:"detail" doc:"English, for the integrator"`
	Code      settle.Code         `json:"code" doc:"Stable name of the error"`
	Message   string              `json:"message" doc:"Chinese, for the cashier"`
	Hint      string              `json:"hint" doc:"Chinese, what to do now"`
	Retryable bool                `json:"retryable" doc:"The same request may succeed later"`
	RequestID string              `json:"request_id"`
	Reason    settle.Reason       `json:"reason,omitempty" doc:"Which rule refused"`
	Fields    []settle.FieldFault `json:"fields,omitempty" doc:"Every bad field"`

	Members map[string]any `json:"-"`
	_       struct{}       `json:"-" additionalProperties:"true"`
}

// Error is the code and the English sentence.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is application/problem+json.
func (p *Problem) ContentType(string) string { return problemType }

// MarshalJSON writes the further members beside the fixed ones, which win.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type fixed Problem
	data, err := json.Marshal((*fixed)(p))
	if err != nil || len(p.Members) == 0 {
		return data, err
	}
	all := map[string]any{}
	for name, value := range p.Members {
		all[name] = value
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	for name, value := range members {
		all[name] = value
	}
	return json.Marshal(all)
}

// newProblem is the answer for err. Causes stay inside: only code, sentences, fields and known members leave.
func newProblem(ctx context.Context, err error) *Problem {
	code, sentence := settle.CodeOf(err), settle.SentenceOf(err)
	p := &Problem{
		Type: "urn:gongji:error:" + string(code), Title: http.StatusText(sentence.Status), Status: sentence.Status,
		Detail: sentence.English, Code: code, Message: sentence.Message, Hint: sentence.Hint, Retryable: sentence.Retryable,
		Reason: settle.ReasonOf(err), RequestID: callOf(ctx).id,
	}
	callOf(ctx).code = code
	var e *settle.Error
	if errors.As(err, &e) {
		p.Fields, p.Members = e.Fields, plainMembers(e.Members)
		p.sayCentre()
		if ask := callOf(ctx).ask; ask != nil && (code == settle.RuleRefused || code == settle.PersonCardMismatch) {
			if p.Members == nil {
				p.Members = map[string]any{}
			}
			guide := ask()
			p.Members["contact"] = strings.Join(guide.Contacts, "，")
			// What a wrong credential or a fake sale brings is said where it is refused (S-209).
			if topic, told := guide.Topic("penalties"); told && (code == settle.PersonCardMismatch || p.Reason == settle.ETraceDuplicate) {
				p.Members["penalties"] = topic.Text
			}
		}
	}
	return p
}

// sayCentre puts the centre's own words where a cashier reads them: the reason of its refusal, or what became of a sale that
// was refused here after the centre had been asked.
func (p *Problem) sayCentre() {
	text, said := p.Members["centre_message"].(string)
	switch {
	case !said || text == "":
	case p.Code == settle.UpstreamRefused:
		p.Message = strings.TrimSuffix(p.Message, "。") + "：" + text
	default:
		p.Hint = text + p.Hint
	}
}

// plainMembers keeps what is known to be fit for a till: texts, numbers and amounts, and a new quote in its wire form.
// Anything else (a plan's facts, say, which hold relatives' balances) is dropped.
func plainMembers(members map[string]any) map[string]any {
	kept := map[string]any{}
	for name, value := range members {
		switch v := value.(type) {
		case settle.Quote:
			kept[name] = quoteAnswer(&v)
		case *settle.Quote:
			kept[name] = quoteAnswer(v)
		case settle.Fen:
			kept[name] = yuan(v)
		case []string:
			kept[name] = v
		default:
			switch reflect.ValueOf(value).Kind() {
			case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint64:
				kept[name] = value
			}
		}
	}
	return kept
}

// fail is the problem of a failed operation; what is no refusal but a failure is logged with its cause.
func (s *Server) fail(ctx context.Context, err error) *Problem {
	p := newProblem(ctx, err)
	if p.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		s.o.Logger.Error("request failed", "request_id", p.RequestID, "code", p.Code, "error", err)
	}
	return p
}

// writeProblem answers with a problem outside of huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a client that left needs no answer
}

// schemaSentences are the Chinese sentences for what the schema finds, by the beginning of huma's own.
var schemaSentences = []struct{ prefix, message string }{
	{validation.MsgUnexpectedProperty, "没有这个字段。"},
	{"unknown query parameter", "没有这个查询参数。"},
	{"expected required property", "必填。"},
	{"required ", "必填。"},
	{validation.MsgExpectedBoolean, "须为 true 或 false。"},
	{validation.MsgExpectedInteger, "须为整数。"},
	{"expected number", "数值不在允许范围内。"},
	{validation.MsgExpectedArrayItemsUnique, "不能有重复。"},
	{"expected array length", "个数不在允许范围内。"},
	{validation.MsgExpectedArray, "须为数组。"},
	{validation.MsgExpectedObject, "须为对象。"},
	{"expected length", "长度不在允许范围内。"},
	{"expected value to be one of", "不是允许的值。"},
	{validation.MsgExpectedString, "须为文本。"},
}

// fieldFaults turns what huma and a request's own check found into bad fields, each field once: the first finding is the
// most basic one. Values are never repeated.
func fieldFaults(errs []error) []settle.FieldFault {
	seen := map[string]bool{}
	faults := []settle.FieldFault{}
	add := func(f settle.FieldFault) {
		if !seen[f.Field] {
			seen[f.Field] = true
			faults = append(faults, f)
		}
	}
	for _, err := range errs {
		var own fieldError
		var detail *huma.ErrorDetail
		switch {
		case errors.As(err, &own):
			add(settle.FieldFault(own))
		case errors.As(err, &detail):
			add(schemaFault(detail))
		default:
			add(settle.FieldFault{Field: "", Message: "请求内容有误。", Detail: "the request cannot be read"})
		}
	}
	return faults
}

// schemaFault is one finding of the schema. Only sentences that are known to hold no value pass on.
func schemaFault(d *huma.ErrorDetail) settle.FieldFault {
	field := strings.TrimPrefix(strings.TrimPrefix(d.Location, "body"), ".")
	for _, s := range schemaSentences {
		if !strings.HasPrefix(d.Message, s.prefix) {
			continue
		}
		if name, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
			field = strings.TrimPrefix(field+"."+strings.TrimSuffix(name, " to be present"), ".")
			return settle.FieldFault{Field: field, Message: s.message, Detail: "is required"}
		}
		return settle.FieldFault{Field: field, Message: s.message, Detail: d.Message}
	}
	return settle.FieldFault{Field: field, Message: "格式不正确。", Detail: "cannot be read as the documented type"}
}

// fieldError carries a bad field through huma's list of errors.
type fieldError settle.FieldFault

func (f fieldError) Error() string { return f.Field + ": " + f.Detail }

// fieldErrors are the findings of a request's own check for huma.
func fieldErrors(faults []settle.FieldFault) []error {
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = fieldError(f)
	}
	return errs
}
