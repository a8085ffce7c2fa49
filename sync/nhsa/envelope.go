package nhsa

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"gongji/settle"
	"gongji/settle/canon"
)

// Request is the envelope of every message to the centre (§1.1 of the interface facts). The two spellings admvs and
// admdvs are the interface's own.
type Request struct {
	Infno        string          `json:"infno" wire:"C5,M,d"`
	MsgID        string          `json:"msgid" wire:"S30,M,d"`
	VenueArea    string          `json:"mdtrtarea_admvs" wire:"S6,M,d"`
	InsuredArea  string          `json:"insuplc_admdvs" wire:"C6,d"`
	Receiver     string          `json:"recer_sys_code" wire:"C10,M"`
	Device       string          `json:"dev_no" wire:"C100"`
	DeviceSafety string          `json:"dev_safe_info" wire:"C2000"`
	CAInfo       string          `json:"cainfo" wire:"C1024"`
	SignType     string          `json:"signtype" wire:"C10"`
	Version      string          `json:"infver" wire:"C6,M"`
	OperatorKind string          `json:"opter_type" wire:"C3,M,d"`
	Operator     string          `json:"opter" wire:"C30,M"`
	OperatorName string          `json:"opter_name" wire:"C50,M"`
	Time         Stamp           `json:"inf_time" wire:"DT,M"`
	Venue        string          `json:"fixmedins_code" wire:"S12,M,d"`
	VenueName    string          `json:"fixmedins_name" wire:"C200,M"`
	SignNo       string          `json:"sign_no" wire:"C30"`
	EncType      string          `json:"enc_type,omitempty" wire:"C10"` // SM4 where input is ciphertext
	Input        json.RawMessage `json:"input"`
}

// write writes the envelope around the input, which is JSON already and stands last.
func (r *Request) write() ([]byte, error) {
	const none = "null}"
	around := *r
	around.Input = nil
	type plain Request // without this method
	body, err := encode((*plain)(&around))
	if err != nil || len(r.Input) == 0 {
		return body, err
	}
	return append(append(bytes.TrimSuffix(body, []byte(none)), r.Input...), '}'), nil
}

// maxInput is the length of input and output in the interface's table, in characters.
const maxInput = 40000

// Check holds the envelope against its table. hasPerson: the input names a person number, which makes the insured area
// mandatory.
func (r *Request) Check(hasPerson bool) error {
	return checkMessage(r, func(f *faults) {
		if hasPerson && !isArea(r.InsuredArea) {
			f.add("insuplc_admdvs", "is mandatory where the input has a psn_no, six digits")
		}
		if !isArea(r.VenueArea) {
			f.add("mdtrtarea_admvs", "must be six digits")
		}
		most := maxInput
		if r.Infno == InfnoUpload { // a file written as numbers has its own limit
			most = 5 * MaxFile
		}
		if utf8.RuneCount(r.Input) > most {
			f.add("input", fmt.Sprintf("is longer than %d characters", most))
		}
	})
}

// DecodeRequest reads an envelope as a centre does: members may be text or number, input may be JSON inside a string.
func DecodeRequest(data []byte) (Request, error) {
	f, err := readFields(data)
	if err != nil {
		return Request{}, errors.New("the message is not a JSON object")
	}
	r := Request{
		Infno: f.text("infno"), MsgID: f.text("msgid"), VenueArea: f.text("mdtrtarea_admvs"),
		InsuredArea: f.text("insuplc_admdvs"), Receiver: f.text("recer_sys_code"), Device: f.text("dev_no"),
		DeviceSafety: f.text("dev_safe_info"), CAInfo: f.text("cainfo"), SignType: f.text("signtype"),
		Version: f.text("infver"), OperatorKind: f.text("opter_type"), Operator: f.text("opter"),
		OperatorName: f.text("opter_name"), Time: Stamp(f.stamp("inf_time")), Venue: f.text("fixmedins_code"),
		VenueName: f.text("fixmedins_name"), SignNo: f.text("sign_no"), EncType: f.text("enc_type"), Input: f.json("input"),
	}
	return r, f.fault
}

// Answer is the centre's envelope (§1.2), read tolerantly.
type Answer struct {
	Code       int    // infcode: 0 done, -1 refused
	Text       string // err_msg as the centre wrote it; it may hold identities, so it is masked before it is kept
	Reference  string // inf_refmsgid
	CentreTime time.Time
	Output     json.RawMessage
	EncType    string // SM4 where the output is ciphertext

	nodes *fields // of Output, once it was read
}

// The infcodes that say something for certain.
const (
	CodeDone    = 0
	CodeRefused = -1
)

// Done reports whether the centre did what was asked.
func (a *Answer) Done() bool { return a.Code == CodeDone }

// Refused reports whether the centre certainly did not do it.
func (a *Answer) Refused() bool { return a.Code == CodeRefused }

// DecodeAnswer reads an answer. The error says why it is no envelope and holds nothing of the body.
func DecodeAnswer(data []byte) (*Answer, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if len(data) == 0 {
		return nil, errors.New("the answer is empty")
	}
	if data[0] == '<' {
		return nil, errors.New("the answer is a web page, not an envelope")
	}
	f, err := readFields(data)
	if err != nil {
		return nil, errors.New("the answer is not whole JSON")
	}
	if !f.has("infcode") {
		return nil, errors.New("the answer has no infcode")
	}
	code, err := strconv.Atoi(f.text("infcode"))
	if err != nil {
		return nil, errors.New("the answer's infcode is not a number")
	}
	answer := &Answer{Code: code, Text: f.text("err_msg", "errmsg"), Reference: f.text("inf_refmsgid"), EncType: f.text("enc_type")}
	if answer.Text == "" && f.has("warn_msg") {
		answer.Text = f.text("warn_msg")
	}
	// A time that cannot be read is a time that is not known; the booking counts all the same.
	if at, err := parseStamp(f.text("respond_time")); err == nil {
		answer.CentreTime = at
	}
	answer.Output = f.json("output")
	if code == CodeDone && f.fault != nil {
		return nil, fmt.Errorf("the answer's envelope: %w", f.fault)
	}
	return answer, nil
}

// output is Output by its members. An answer is read by one goroutine.
func (a *Answer) output() (*fields, error) {
	if a.nodes == nil {
		f, err := readFields(a.Output)
		if err != nil {
			return nil, errors.New("the answer has no output")
		}
		a.nodes = f
	}
	return a.nodes, nil
}

// node is one member of the output.
func (a *Answer) node(name string) (json.RawMessage, error) {
	f, err := a.output()
	if err != nil {
		return nil, err
	}
	value, _ := f.find(name)
	if value == nil {
		return nil, fmt.Errorf("the answer has no %s", name)
	}
	return value, nil
}

// EncodeAnswer writes an answer as the reference centre sends it.
func EncodeAnswer(w io.Writer, a Answer, received time.Time) error {
	text, err := canon.Append(nil, &struct {
		Code      int             `json:"infcode"`
		Reference string          `json:"inf_refmsgid"`
		Received  string          `json:"refmsg_time"`
		Responded string          `json:"respond_time"`
		Text      string          `json:"err_msg"`
		Output    json.RawMessage `json:"output"`
		EncType   string          `json:"enc_type,omitempty"`
	}{a.Code, a.Reference, CompactTime(received), CompactTime(a.CentreTime), a.Text, a.Output, a.EncType})
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// CompactTime writes yyyyMMddHHmmssSSS in Beijing, the envelope's own form.
func CompactTime(at time.Time) string {
	at = at.In(settle.Beijing)
	thousandths := strconv.Itoa(1000 + at.Nanosecond()/int(time.Millisecond))
	return at.Format("20060102150405") + thousandths[1:]
}
