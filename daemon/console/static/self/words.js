// The words of the self-service page, Chinese first.

const words = {
  title: ["医保账户自助查询", "Your insurance account"], language: ["English", "中文"], larger: ["大字", "Large print"], usual: ["标准字", "Usual print"],
  loginTitle: ["自助屏令牌", "Token of this screen"], loginText: ["请工作人员粘贴自助屏的令牌（gongjid pos add 名称 --role kiosk）。", "Staff: paste this screen's token (gongjid pos add NAME --role kiosk)."],
  token: ["令牌", "Token"], start: ["开始", "Start"], loginBad: ["令牌无效。", "The token is not known."],
  insert: ["请插入您本人的社保卡", "Insert your own social security card"], insertText: ["可查看本人账户余额和在本店的消费明细。拔卡后内容立即消失。", "You see your own account and what you bought here. It disappears when you take your card."],
  reading: ["正在读卡，请稍候…", "Reading your card…"], fault: ["这张卡读不出来", "This card cannot be read"], faultText: ["请重新插卡，或到柜台请工作人员帮助。", "Insert it again, or ask at the counter."],
  lost: ["暂时不能查询", "Not available just now"], lostText: ["请稍候，或到柜台办理。", "Please wait, or ask at the counter."],
  timeout: ["时间到，内容已隐藏", "Hidden: the time is up"], timeoutText: ["请取走您的卡。要继续查看，请按“继续”。", "Please take your card, or press Continue."], go: ["继续", "Continue"],
  hello: ["持卡人 {name}", "Holder {name}"], balance: ["本人账户可用余额", "Available in your own account"], asOf: ["截至 {at}", "as of {at}"], noAccount: ["您没有个人账户（居民参保）。", "You have no personal account."],
  relatives: ["可为您支付的家人账户", "Relatives whose accounts may pay for you"], relativesText: ["家人的余额只有本人可以查看。", "Only they may see their balance."],
  statement: ["近三个月在本店的明细", "Here, in the last three months"], none: ["没有记录。", "Nothing."], guide: ["办理与咨询", "Where to go and ask"],
  at: ["时间", "Time"], kind: ["类别", "Kind"], items: ["明细", "Items"], total: ["合计", "Total"], fund: ["统筹", "Fund"], shared: ["共济", "Relatives"], cash: ["现金", "Cash"], paid: ["本人账户", "Own account"], after: ["余额", "Balance after"],
  own: ["就医购药", "Own bill"], giver: ["为家人支付", "For a relative"], premium: ["代缴医保费", "Contribution"], return: ["退回", "Returned"], adjust: ["中心调整", "Adjusted by the centre"],
  left: ["{n} 秒后自动隐藏", "Hidden in {n} s"], frozen: ["账户状态：{status}", "Account: {status}"],
};

let column = 0;

export const english = () => column === 1;
export function setEnglish(on) { column = on ? 1 : 0; }

// t is the text of a key with its {places} filled in.
export const t = (key, places = {}) => words[key][column].replace(/\{(\w+)\}/g, (whole, name) => places[name] ?? whole);
