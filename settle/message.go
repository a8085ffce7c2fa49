package settle

import "errors"

// Sentence is what people read about a code or a reason: Chinese for the cashier, what to do next, English for the
// integrator.
type Sentence struct {
	Message string // Chinese, what happened
	Hint    string // Chinese, what the cashier does now
	English string
	// Status is the HTTP status of a code; 0 for reasons, which travel inside RULE_REFUSED or in a list.
	Status int
	// Retryable: the same request may succeed later without being changed.
	Retryable bool
}

// Sentences has one entry for every Code: the one place where a code is classified.
var Sentences = map[Code]Sentence{
	CardAbsent:              {"读卡器里没有卡。", "请把患者本人的社保卡插入读卡器，再点一次。", "No card is in the reader.", 409, true},
	CardRemoved:             {"结算前卡被拔出或换了卡，没有扣款。", "请重新插入患者本人的社保卡，再结算一次。", "The card left the reader, or was swapped, before the settlement was written.", 409, true},
	CardUnreadable:          {"卡读不出来。", "请擦干净芯片，把卡插到底再试；仍不行请改用医保码或身份证。", "The card cannot be read.", 409, true},
	CardNotSocialSecurity:   {"这不是社会保障卡。", "请换患者本人的社会保障卡，或改用医保码。", "The card is not a social security card.", 409, false},
	CardNeedsAuthentication: {"三代社保卡需要认证才能读出持卡人。", "请改用身份证或医保码，或等联网后再试。", "A version 3.00 card does not show its holder without authentication, and nobody could resolve its number.", 409, true},
	CardExpiredCode:         {"社保卡已过有效期。", "请患者换发新卡，或改用医保码。", "The card has expired.", 409, false},
	CardReportedLost:        {"这张社保卡已挂失，不能使用。", "请收银员核对持卡人身份，并请患者改用医保码或新卡。", "The card is reported lost.", 409, false},
	PersonCardMismatch:      {"人卡不一致：这张卡不是患者本人的。", "就医购药必须使用患者本人的社保卡或医保码；家人的钱可以共济，家人的卡不能代用。", "The card does not belong to the patient.", 403, false},
	PersonUnknown:           {"本机没有此人的账户资料，暂时也问不到医保中心。", "请稍后联网再试，或按自费收款。", "No cached ledger for this person, and the centre cannot be asked.", 409, true},
	LedgerStale:             {"本机账户资料太旧，不能脱机结算。", "请检查网络，恢复联网后再结算。", "The cached ledger is older than allowed.", 409, true},
	OfflineLimit:            {"已达到脱机结算限额。", "请恢复联网后再结算，或按自费收款。", "An offline limit is met; members limit, allowed, used and asked name it.", 409, true},
	QuoteChanged:            {"试算之后账户或账单有变化，没有扣款。", "请看新的分摊结果，向患者说明后再确认。", "Something the quote depended on has changed; the new split is attached.", 409, false},
	IdempotencyConflict:     {"这个单号已经用于另一张单。", "请收银系统换一个新单号；不要改动已提交的单。", "The id was used before with other content; member field names the difference.", 409, false},
	AlreadySettled:          {"这张单已经结算。", "不要重复收款；另外一笔买卖请用新单号。", "The sale is already settled.", 409, false},
	AlreadyReversed:         {"这笔结算已经撤销。", "无需再撤；请核对单号。", "The settlement is already reversed.", 409, false},
	RefundOver:              {"退货数量超过卖出的数量。", "请核对退货的商品和数量。", "More comes back than was sold.", 409, false},
	RuleRefused:             {"按医保规定不能结算。", "请看具体原因。", "A rule refuses this; member reason says which.", 422, false},
	BadRequest:              {"请求内容有误。", "请收银系统按提示改正标出的字段。", "The request has bad fields; all are listed.", 422, false},
	Unauthenticated:         {"没有登录或令牌无效。", "请管理员用 gongjid pos add 为本收银台发放令牌。", "The bearer token is missing or not valid.", 401, false},
	Forbidden:               {"此操作需要店长权限。", "请店长用店长令牌操作。", "The token's role does not allow this.", 403, false},
	BadHost:                 {"请求的主机名不对，已拒绝。", "收银系统只能用 http://127.0.0.1 访问本服务。", "The Host header is not this daemon's loopback address.", 421, false},
	BadOrigin:               {"网页来源未获许可，已拒绝。", "请管理员把收银网页的来源加入 allow_origins。", "The Origin or Referer is not on the configured list.", 403, false},
	RateLimited:             {"请求太频繁。", "请稍等几秒再试。", "Too many requests.", 429, true},
	NotFound:                {"找不到这条记录。", "请核对单号。", "There is no such record.", 404, false},
	MethodNotAllowed:        {"不支持这种请求方式。", "请收银系统对照接口文档。", "The path does not take this method.", 405, false},
	TooLarge:                {"请求内容太大。", "请收银系统拆分账单。", "The request body is too large.", 413, false},
	UnsupportedMedia:        {"请求格式不对。", "请求须为 Content-Type: application/json。", "The content type must be application/json.", 415, false},
	UpstreamRefused:         {"医保中心拒绝了这笔结算，没有扣款。", "请看中心给出的原因。", "The centre refused the settlement; nothing was settled.", 409, false},
	NotConfigured:           {"本机没有配置这项功能。", "请联系管理员。", "This function is not configured here.", 409, false},
	ReaderDown:              {"读卡器没有连接或没有反应，没有扣款。", "请检查读卡器的电源和数据线；接好后会自动恢复。", "The reader is not connected or does not answer; nothing was settled.", 503, true},
	StoreFull:               {"本机磁盘已满，没有扣款。", "请立即通知管理员清理磁盘。", "The disk is full; nothing was settled.", 503, true},
	StoreBroken:             {"本机账本写入失败，没有扣款。", "请暂停医保结算并通知管理员。", "The ledger could not be written; nothing was settled.", 503, true},
	UpstreamSilent:          {"医保中心没有应答，没有扣款。", "请稍后再试，或按自费收款。", "The centre did not answer; nothing was settled.", 503, true},
	MonthOpen:               {"这个月还有没有对平的日子，不能月结。", "请先逐日对账、处理差异，再月结。", "Days of the month do not agree with the centre yet; member days lists them.", 409, false},
}

// ReasonSentences has one entry for every Reason.
var ReasonSentences = map[Reason]Sentence{
	EVenue:               {Message: "本机构不是定点医药机构，或定点协议已过期。", Hint: "请店长核对定点协议有效期。", English: "The venue is not a designated institution on this day."},
	EPatientBlocked:      {Message: "患者的医保状态为已故，账户已封存。", Hint: "请家属到医保经办机构办理。", English: "The patient is recorded as deceased."},
	EPatientStatus:       {Message: "患者的医保不在正常参保状态。", Hint: "请患者向医保经办机构查询；本次请按自费收款。", English: "The patient's insurance is not active."},
	ECardOwnerMismatch:   {Message: "人卡不一致：凭证不是患者本人的。", Hint: "请出示患者本人的社保卡或医保码。", English: "The credential belongs to somebody else."},
	EProxyDocs:           {Message: "代购须出示委托人和受托人双方的身份证明。", Hint: "请核对两人证件并登记后再结算。", English: "A proxy purchase needs the identity documents of both persons."},
	EProxyTooManyCards:   {Message: "同一受托人本次出示的卡太多。", Hint: "请核实情况，必要时向医保部门报告。", English: "The agent presented too many cards in one visit."},
	ETraceMissing:        {Message: "有药品没有追溯码，不能医保结算。", Hint: "请扫描每一盒药的追溯码。", English: "A trace code is missing."},
	ETraceDuplicate:      {Message: "追溯码重复：这盒药已经扫过或卖过。", Hint: "请核对实物；同一追溯码不能卖两次。", English: "A trace code was used twice."},
	ETraceCount:          {Message: "追溯码的个数与盒数不符：多扫了，或把别的商品扫了进来。", Hint: "一盒药扫一个追溯码；拆零销售请勾选拆零并填每盒数量。", English: "There are more trace codes than packs."},
	ETraceForm:           {Message: "追溯码格式不对，不是药品追溯码。", Hint: "请扫药盒上的药品追溯码，不要扫商品条码，也不要手工编造。", English: "A trace code does not have the form of a drug trace code."},
	ETracePack:           {Message: "这盒药拆零卖出的数量将超过一整盒。", Hint: "请核对数量和每盒数量；这盒卖完后请开新的一盒并扫新的追溯码。", English: "More would be sold out of an opened pack than is left in it."},
	ERxMissing:           {Message: "处方药缺少处方。", Hint: "请登记处方号、医师和机构。", English: "A prescription is required."},
	ERxPerson:            {Message: "处方上的患者与结算的患者不是同一人。", Hint: "请使用患者本人的处方。", English: "The prescription is for another person."},
	EPharmacyMonthLimit:  {Message: "患者本月药店购药已超限额，医保卡在药店暂停使用。", Hint: "请患者到医疗机构就诊，或下月再来。", English: "The card is suspended at pharmacies this month."},
	EOfflineRegion:       {Message: "本地区不允许脱机结算。", Hint: "请恢复联网后再结算。", English: "The region does not allow offline settlement."},
	EPlatformUnknown:     {Message: "医保平台的结果未明。", Hint: "请等待系统查明结果，不要重复收款。", English: "The platform's outcome is not known."},
	EIdempotencyConflict: {Message: "这个单号已经用于另一张单。", Hint: "请换一个新单号。", English: "The key was used with other content."},
	ERefundOver:          {Message: "退货超过卖出的数量。", Hint: "请核对退货的商品和数量。", English: "More comes back than was sold."},
	ERefundWindow:        {Message: "已超过可退费的期限。", Hint: "请患者到医保经办机构办理。", English: "The refund window has closed."},
	EPremiumDisabled:     {Message: "本地区不支持在此代缴保费。", Hint: "请到税务渠道缴费。", English: "The region does not pay premiums here."},
	EPremiumWindow:       {Message: "不在集中缴费期内。", Hint: "请在缴费期内办理。", English: "Outside the collection window."},
	EPremiumDuplicate:    {Message: "该年度保费已经缴过。", Hint: "无需重复缴费。", English: "The premium of that year is already paid."},
	EPremiumThreshold:    {Message: "代缴人账户余额达不到规定的门槛。", Hint: "请换一位代缴人或到税务渠道缴费。", English: "The threshold leaves too little."},
	EPremiumBalance:      {Message: "代缴人账户不能支付或余额不足。", Hint: "请换一位代缴人或到税务渠道缴费。", English: "The payer cannot give or has too little."},
	EPremiumExempt:       {Message: "该人员免缴保费。", Hint: "无需缴费。", English: "The person is exempt from the premium."},

	EPremiumActor:     {Message: "本地区只能由账户本人代缴保费。", Hint: "请代缴人出示本人的社保卡办理。", English: "Only the payer in person may pay premiums here."},
	EPremiumInsured:   {Message: "被缴费人参加的是职工医保且状态正常，不需要缴居民医保费。", Hint: "请核对被缴费人；停保后要改参居民医保的，先到医保经办机构办理。", English: "The beneficiary is insured as an employee, so no resident's contribution is due."},
	EPremiumCovered:   {Message: "医保登记显示被缴费人本年度已参加居民医保，不要重复缴费。", Hint: "请核对缴费凭证；确实还没缴的，请注明已核对未缴（still_due）再办理。", English: "The beneficiary is insured as a resident for this year already; send still_due once it is certain that nothing was paid."},
	ECredentialKind:   {Message: "本地区不接受这种就医凭证。", Hint: "请患者出示本人的社保卡或医保码。", English: "The region does not accept this kind of credential."},
	EFaceRequired:     {Message: "金额较大，须人脸核验后才能结算。", Hint: "请在终端上做人脸核验。", English: "Above this amount a face check is required."},
	EGuardian:         {Message: "监护人只能为在场的未成年患者出示凭证。", Hint: "患者已成年的，请患者本人办理；患者不在场的，请按代购登记。", English: "A guardian may present only for a minor who is present."},
	ERxElectronic:     {Message: "这类药品只能凭电子处方销售。", Hint: "请患者请医师开具电子处方。", English: "Only an electronic prescription is accepted for this."},
	EPharmacyDayTimes: {Message: "患者今天在药店刷卡的次数已满。", Hint: "请明天再来，或按自费收款。", English: "The card was used at pharmacies as often as allowed today."},

	EBindingSelf:      {Message: "不能与自己建立共济关系。", Hint: "请核对双方的证件。", English: "Giver and beneficiary are the same person."},
	EBindingRelation:  {Message: "这种亲属关系不在本地区共济范围内。", Hint: "请核对双方的关系。", English: "The kind of relative may not be bound here."},
	EBindingKind:      {Message: "参保类型不符合共济条件：共济人须参加职工医保，被共济人须参加基本医保。", Hint: "请核对双方的参保类型。", English: "The kind of insurance does not allow the binding."},
	EBindingStatus:    {Message: "有一方不在正常参保状态，不能建立共济关系。", Hint: "请向医保经办机构查询参保状态。", English: "Giver or beneficiary is not in good standing."},
	EBindingArea:      {Message: "双方参保地不在共济范围内。", Hint: "请到医保经办机构咨询。", English: "The insured areas do not allow the binding."},
	EBindingDuplicate: {Message: "双方已经建立共济关系。", Hint: "无需重复办理。", English: "The two are already bound."},
	EBindingRole:      {Message: "本地区不允许同一人既共济他人又被他人共济，或双方互相共济。", Hint: "请先解除原有的共济关系。", English: "The people already stand on the other side of a binding."},
	EBindingMembers:   {Message: "共济成员人数已到上限。", Hint: "请先解除一位成员，或由其他家人共济。", English: "The giver has bound as many members as allowed."},
	EBindingGivers:    {Message: "被共济人的共济人数已到上限。", Hint: "请先解除原有的共济关系。", English: "The beneficiary has as many givers as allowed."},
	EBindingProof:     {Message: "缺少个人承诺书或关系证明材料。", Hint: "请按规定签署承诺书或出示证明材料。", English: "The commitment letter or papers are missing."},
	EBindingTerm:      {Message: "共济关系的起止日期不符合规定。", Hint: "请改正生效日期或终止日期。", English: "The term of the binding is not allowed."},
	EBindingLocked:    {Message: "共济关系建立不久，暂时不能解除。", Hint: "请在规定日期之后再办理；离婚或死亡除外。", English: "The binding is too young to be ended."},
	EBindingNotice:    {Message: "本地区要求先阅读告知书，还没有登记已读，或读的不是现行版本。", Hint: "请出钱的人阅读现行告知书，并在登记中写明编号、版本和谁读的。", English: "The region's notice, in the version that stands, was not read."},
	EConfirmMissing:   {Message: "这一步要先预览、核对后再确认。", Hint: "请先预览，让本人核对无误后再提交。", English: "The step must be confirmed with the digest of a preview."},
	EConfirmChanged:   {Message: "核对之后内容有变化，没有提交。", Hint: "请重新预览，核对后再确认。", English: "What was confirmed is not what would be done now; preview again."},
	EBindingLimit:     {Message: "设定的额度低于本地区规定的最低额度。", Hint: "请提高额度，或不设额度。", English: "The limit is below the smallest amount allowed."},
	EBindingActor:     {Message: "共济关系的这一步不能由此人办理。", Hint: "建立、解除和限额请由出钱的人出示本人凭证办理；共济顺序由本地区规定的一方调整。", English: "This person may not do this to the binding: the giver binds, ends and limits; the region says who changes the order."},

	KThirdParty:  {Message: "应由第三人负担，账户不支付。", Hint: "", English: "Somebody else is liable."},
	KRelation:    {Message: "亲属关系不在本地区共济范围内。", Hint: "", English: "The kind of relative is not allowed."},
	KNotYet:      {Message: "共济绑定尚未生效。", Hint: "", English: "The binding is not yet valid."},
	KExpired:     {Message: "共济绑定已到期。", Hint: "", English: "The binding is no longer valid."},
	KGiverStatus: {Message: "共济人账户状态不正常。", Hint: "", English: "The giver's account may not pay."},
	KBenefStatus: {Message: "患者的参保状态不能使用共济。", Hint: "", English: "The patient may not receive shared money."},
	KArea:        {Message: "双方参保地不在共济范围内。", Hint: "", English: "The insured areas do not fit."},
	KMedGroup:    {Message: "这类就医不能使用共济。", Hint: "", English: "Shared money is barred for this group of treatment."},
	KOwnNotZero:  {Message: "本人账户还有钱，须先用完。", Hint: "", English: "Own money must be used up first."},
	KNotAsked:    {Message: "患者没有要求使用共济账户。", Hint: "患者同意后请勾选“使用共济”。", English: "Shared money is used on request only."},
	KNotBound:    {Message: "与患者没有共济绑定。", Hint: "请到国家医保服务平台办理绑定；亲情账户不等于共济。", English: "There is no binding with the patient."},
	KNotSelected: {Message: "本次没有选择这位共济人。", Hint: "", English: "The cashier chose others."},
	KOneGiver:    {Message: "本次结算的共济人数已到上限。", Hint: "", English: "The limit of givers is reached."},
	KZero:        {Message: "共济人没有可用余额。", Hint: "", English: "Nothing is available."},
	KCap:         {Message: "已达到共济限额。", Hint: "", English: "A cap is used up."},
	KClass:       {Message: "这类商品不能用个人账户支付。", Hint: "", English: "The class is not payable from an account."},
	KBucket:      {Message: "这部分费用不能用个人账户支付。", Hint: "", English: "The part is not payable from an account."},

	KClassUnknown: {Message: "本地区政策里没有这种商品类别，不能用个人账户支付，请核对商品资料。", Hint: "", English: "The policy knows no such class of goods, so no account pays it; check the till's list of goods."},
}

// SentenceOf is what people read about an error: the case's sentence where it has one, the reason's where a rule refused, else
// the code's.
func SentenceOf(err error) Sentence {
	code := CodeOf(err)
	sentence := Sentences[code]
	if reason := ReasonOf(err); reason != "" {
		if s, known := ReasonSentences[reason]; known {
			sentence.Message, sentence.English = s.Message, s.English
			if s.Hint != "" {
				sentence.Hint = s.Hint
			}
		}
	}
	var e *Error
	if errors.As(err, &e) {
		return e.tell(sentence)
	}
	return sentence
}
