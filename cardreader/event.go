package cardreader

import (
	"errors"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/serialport"
	"gongji/cardreader/sscard"
)

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	// CardInserted: a card came and its reading is over. The state is present with a credential, or fault with the reason
	// and as much of the credential as is known (its kind at most). A card that could not be read is tried again while it
	// stays; when that succeeds, it counts as inserted once more, without a removal in between.
	CardInserted EventKind = "card_inserted"
	// CardRemoved: the card left.
	CardRemoved EventKind = "card_removed"
	// ReaderFault: the reader itself is gone or silent. A card that was in it counts as gone.
	ReaderFault EventKind = "reader_fault"
	// ReaderReady: the reader answers, for the first time or again.
	ReaderReady EventKind = "reader_ready"
)

// State is what a reader is doing now.
type State string

// The states.
const (
	StateAbsent  State = "absent"  // the reader answers, no card
	StateReading State = "reading" // a card came and is being read
	StatePresent State = "present" // a card is there and its credential is known
	StateFault   State = "fault"   // a card is there that cannot be used
	StateDown    State = "down"    // the reader does not answer
)

// Role says what a reader is for.
type Role string

// The roles.
const (
	RoleCard    Role = "card"
	RoleID      Role = "id"
	RoleScanner Role = "scanner"
)

// Event is one thing that happened at a reader. Seq is the reader's number after it.
type Event struct {
	Reader     string      `json:"reader"`
	Seq        uint64      `json:"seq"`
	Kind       EventKind   `json:"kind"`
	At         time.Time   `json:"at"`
	State      State       `json:"state"`
	Credential *Credential `json:"credential,omitempty"`
	Fault      *Fault      `json:"fault,omitempty"`
}

// FaultCode is the stable name of a fault.
type FaultCode string

// The codes.
const (
	CodeCardUnreadable          FaultCode = "CARD_UNREADABLE"
	CodeCardNotSocialSecurity   FaultCode = "CARD_NOT_SOCIAL_SECURITY"
	CodeCardNeedsAuthentication FaultCode = "CARD_NEEDS_AUTHENTICATION"
	CodeReaderDown              FaultCode = "READER_DOWN"
)

// Fault says why a card or reader cannot be used: a code, a sentence a cashier can act on, and the cause for a technician.
// Neither holds a person's data.
type Fault struct {
	Code    FaultCode `json:"code"`
	Message string    `json:"message"`
	Err     error     `json:"-"`
}

// Error joins code, sentence and cause.
func (f *Fault) Error() string {
	s := string(f.Code) + ": " + f.Message
	if f.Err != nil {
		s += " (" + f.Err.Error() + ")"
	}
	return s
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// reason pairs a cause with the sentence for it; the first that fits is taken.
type reason struct {
	cause   error
	message string
}

// errUnsupportedProtocol: the card speaks only transmission protocols this package does not.
var errUnsupportedProtocol = errors.New("cardreader: card's transmission protocol is not supported")

var readerReasons = []reason{
	{serialport.ErrBusy, "读卡器端口被其他程序占用，请关闭占用读卡器的程序。"},
	{serialport.ErrMissing, "找不到读卡器，请检查读卡器的连接线和电源。"},
	{serialport.ErrPermission, "没有打开读卡器端口的权限，请联系维护人员。"},
	{serialport.ErrGone, "读卡器已断开，请检查连接线后重新插好。"},
	{ccid.ErrSilent, "读卡器没有应答，请重新插拔读卡器。"},
	{ccid.ErrSpoilt, "读卡器线路干扰，数据校验不符，请检查连接线。"},
	{nil, "读卡器无法使用，请重新插拔读卡器；仍不行请联系维护人员。"},
}

var cardReasons = []reason{
	{apdu.ErrATR, "卡片应答不正确，请确认插入方向，取出擦净芯片后重新插入。"},
	{errUnsupportedProtocol, "卡片的通信方式不受支持，请改用身份证或医保码。"},
	{sscard.ErrItem, "卡内数据不符合社保卡规范，请取出重新插入；仍不行请到发卡机构检查卡片。"},
	{sscard.ErrUnstable, "多次读卡结果不一致，请取出擦净芯片后重新插入。"},
	{apdu.ErrSpoilt, "读卡时线路受干扰，请取出卡片重新插入。"},
	{nil, "卡片读不出来，请确认插入方向，取出擦净芯片后重新插入。"},
}

func sentence(list []reason, err error) string {
	for _, r := range list {
		if r.cause == nil || errors.Is(err, r.cause) {
			return r.message
		}
	}
	return ""
}

const muteMessage = "卡片没有应答，请确认芯片朝向正确并插到底，取出擦净芯片后重新插入。"

// readerFault says why the reader is down.
func readerFault(err error) *Fault {
	return &Fault{Code: CodeReaderDown, Message: sentence(readerReasons, err), Err: err}
}

// cardFault says why a card could not be read.
func cardFault(err error) *Fault {
	message := sentence(cardReasons, err)
	var refused *ccid.Error
	if errors.As(err, &refused) && refused.Code == ccid.CodeMute {
		message = muteMessage
	}
	return &Fault{Code: CodeCardUnreadable, Message: message, Err: err}
}

// otherCards are the sentences for cards of another kind.
var otherCards = map[CardKind]string{
	CardHealth:  "这是居民健康卡，不是社会保障卡，请换用社会保障卡。",
	CardBank:    "这是银行卡，不是社会保障卡，请换用社会保障卡。",
	CardUnknown: "这不是社会保障卡，请换用社会保障卡。",
}

// strangerFault says that a card is not a social security card.
func strangerFault(kind CardKind) *Fault {
	return &Fault{Code: CodeCardNotSocialSecurity, Message: otherCards[kind]}
}

// NeedsAuthenticationFault is the fault of a card whose holder nobody could resolve. A reader does not report it by itself,
// since the centre may know the card by its identifier and number; whoever asked the centre in vain does.
func NeedsAuthenticationFault() *Fault {
	return &Fault{Code: CodeCardNeedsAuthentication, Message: "第三代社保卡需要安全认证才能读出姓名和号码，请改用身份证或医保码。"}
}
