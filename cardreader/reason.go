package cardreader

import (
	"errors"

	"gongji/cardreader/acs"
	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/idcard"
	"gongji/cardreader/scanner"
	"gongji/cardreader/serialport"
	"gongji/cardreader/sscard"
	"gongji/cardreader/wire"
)

// reason pairs a cause with the sentence for it; the first that fits is taken.
type reason struct {
	cause   error
	message string
}

// errUnsupportedProtocol: the card speaks only transmission protocols this package does not.
var errUnsupportedProtocol = errors.New("cardreader: card's transmission protocol is not supported")

const (
	messageSilent  = "读卡器没有应答，请重新插拔读卡器。"
	messageSpoilt  = "读卡器线路干扰，数据校验不符，请检查连接线。"
	messageDirty   = "多次读卡结果不一致，请取出擦净芯片后重新插入。"
	messageReplace = "请移开证件，重新平放在阅读器上。"
)

var readerReasons = []reason{
	{serialport.ErrBusy, "读卡器端口被其他程序占用，请关闭占用读卡器的程序。"},
	{serialport.ErrMissing, "找不到读卡器，请检查读卡器的连接线和电源。"},
	{serialport.ErrPermission, "没有打开读卡器端口的权限，请联系维护人员。"},
	{serialport.ErrGone, "读卡器已断开，请检查连接线后重新插好。"},
	{acs.ErrSlot, "读卡器没有所配置的卡槽，请联系维护人员检查配置中的 slot。"},
	{acs.ErrField, "读卡器的感应部分没有响应，请重新插拔读卡器；仍不行请联系维护人员。"},
	{wire.ErrSilent, messageSilent},
	{wire.ErrSpoilt, messageSpoilt},
	{nil, "读卡器无法使用，请重新插拔读卡器；仍不行请联系维护人员。"},
}

var cardReasons = []reason{
	{apdu.ErrATR, "卡片应答不正确，请确认插入方向，取出擦净芯片后重新插入。"},
	{errUnsupportedProtocol, "卡片的通信方式不受支持，请改用身份证或医保码。"},
	{sscard.ErrItem, "卡内数据不符合社保卡规范，请取出重新插入；仍不行请到发卡机构检查卡片。"},
	{sscard.ErrUnstable, messageDirty},
	{apdu.ErrSpoilt, "读卡时线路受干扰，请取出卡片重新插入。"},
	{apdu.ErrLoop, "卡片应答异常，请取出卡片重新插入；仍不行请到发卡机构检查卡片。"},
	{idcard.ErrText, "证件内的文字读不出来，请到发证机关检查证件。"},
	{idcard.ErrUnstable, "多次读证结果不一致，" + messageReplace},
	{scanner.ErrBadTrack, "磁条没有读清，请重新刷卡。"},
	{scanner.ErrTrack, "磁条内容不正确，请重新刷卡；仍不行请改用身份证或医保码。"},
	{nil, "卡片读不出来，请确认插入方向，取出擦净芯片后重新插入。"},
}

// slotReasons are the sentences for what a card reader says of a card.
var slotReasons = map[byte]string{
	ccid.CodeMute:          "卡片没有应答，请确认芯片朝向正确并插到底，取出擦净芯片后重新插入。",
	ccid.CodeCardShorted:   "卡片芯片短路，请立即取出卡片，改用身份证或医保码。",
	ccid.CodeParity:        "卡片通信校验错误，请取出擦净芯片后重新插入。",
	ccid.CodeOverrun:       "卡片通信校验错误，请取出擦净芯片后重新插入。",
	ccid.CodeHardware:      "读卡器读不了这张卡，请取出擦净芯片后重新插入；仍不行请重新插拔读卡器。",
	ccid.CodeBadTS:         "卡片应答不正确，请确认插入方向，取出擦净芯片后重新插入。",
	ccid.CodeBadTCK:        "卡片应答不正确，请确认插入方向，取出擦净芯片后重新插入。",
	ccid.CodeATRTooLong:    "卡片应答不正确，请确认插入方向，取出擦净芯片后重新插入。",
	ccid.CodeProcedureByte: "卡片通信出错，请取出卡片重新插入。",
	ccid.CodeT1:            "卡片通信出错，请取出卡片重新插入。",
	ccid.CodeProtocol:      "卡片的通信方式不受支持，请改用身份证或医保码。",
	ccid.CodeSlotBusy:      "读卡器正忙，请稍候再插卡。",
}

// refusalReasons are the sentences for what a card itself answers.
var refusalReasons = map[apdu.SW]string{
	apdu.ApplicationLocked: "社保卡应用已永久锁定，请持卡人到发卡机构处理。",
	apdu.NotSupported:      "社保卡已锁定，请持卡人到发卡机构处理。",
	apdu.Locked:            "社保卡已锁定，请持卡人到发卡机构处理。",
	apdu.FileNotFound:      "社保卡内没有所需的文件，请持卡人到发卡机构检查卡片。",
	apdu.RecordNotFound:    "社保卡内缺少必要的信息，请持卡人到发卡机构检查卡片。",
}

// documentReasons are the sentences for what an identity card reader says.
var documentReasons = map[idcard.Code]string{
	idcard.CodeFindFailed:    "没有找到证件，" + messageReplace,
	idcard.CodeSelectFailed:  "证件没有选中，阅读器上只放一张证件，" + messageReplace,
	idcard.CodeReadFailed:    "证件没有读完，读取时请勿移动，" + messageReplace,
	idcard.CodeWrongCard:     "这不是身份证件，请换用身份证。",
	idcard.CodeCardRejects:   "证件不接受这台阅读器，请换一台阅读器或核对证件真伪。",
	idcard.CodeSAMRejects:    "阅读器不认可这张证件，请核对证件真伪。",
	idcard.CodeDataCheck:     "证件数据校验不符，" + messageReplace,
	idcard.CodeRandom:        "证件认证失败，" + messageReplace,
	idcard.CodeNoContent:     "证件里没有所需的内容，请到发证机关检查证件。",
	idcard.CodeSelfTest:      "身份证阅读器自检失败，请重新插拔阅读器；仍不行请联系维护人员。",
	idcard.CodeNotAuthorised: "身份证阅读器的安全模块未经授权，请联系维护人员。",
	idcard.CodeChecksum:      messageSpoilt,
	idcard.CodeLength:        messageSpoilt,
	idcard.CodeCommand:       "身份证阅读器不认识指令，请联系维护人员检查设备型号。",
	idcard.CodeUnknown:       "身份证阅读器报告未知错误，请重新插拔阅读器。",
}

// sentence finds the words for an error: what reader or card said itself before what this program made of it.
func sentence(list []reason, err error) string {
	var document *idcard.Error
	if errors.As(err, &document) && documentReasons[document.Code] != "" {
		return documentReasons[document.Code]
	}
	var slot *ccid.Error
	if errors.As(err, &slot) && slotReasons[slot.Code] != "" {
		return slotReasons[slot.Code]
	}
	var refused *apdu.Error
	if errors.As(err, &refused) && refusalReasons[refused.SW] != "" {
		return refusalReasons[refused.SW]
	}
	for _, r := range list {
		if r.cause == nil || errors.Is(err, r.cause) {
			return r.message
		}
	}
	return ""
}

// readerFault says why the reader is down.
func readerFault(err error) *Fault {
	return &Fault{Code: CodeReaderDown, Message: sentence(readerReasons, err), Err: err}
}

// cardFault says why a card could not be read.
func cardFault(err error) *Fault {
	return &Fault{Code: CodeCardUnreadable, Message: sentence(cardReasons, err), Err: err}
}

// scanFault says why a scan is no code; nil stands for bytes that are no text.
func scanFault(err error) *Fault {
	if err == nil {
		return &Fault{Code: CodeCardUnreadable, Message: "扫码内容不完整，请重新扫码；经常如此请联系维护人员检查扫码枪的速率设置。"}
	}
	return cardFault(err)
}
