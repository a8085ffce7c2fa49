program Till;
// A till in Delphi (XE8 and later) or Free Pascal (3.2 and later).
//
//   fpc -Mdelphi -oTill till.dpr        or open it in Delphi and run it;  POS_TOKEN=gj_… in the environment
//
// The id is made and saved before it is sent; a lost reply is answered by sending the very same bill again; a refusal is decided on
// by its code and shown by its message. Only Call differs between the two: each has an HTTP client and JSON of its own.
{$IFDEF FPC}{$MODE DELPHI}{$H+}{$CODEPAGE UTF8}{$ENDIF}
{$APPTYPE CONSOLE}

uses
{$IFDEF FPC}
  {$IFDEF UNIX}cthreads, cwstring,{$ENDIF} Classes, SysUtils, fphttpclient, fpjson, jsonparser;
{$ELSE}
  System.Classes, System.SysUtils, System.JSON, System.Net.URLClient, System.Net.HttpClient;
{$ENDIF}

type
  // ELost is no answer at all: whatever was asked may or may not have been done.
  ELost = class(Exception);

  // ERefused is a refusal: Code for the program, the message for the cashier.
  ERefused = class(Exception)
    Code: string;
    constructor Create(const ACode, AMessage, AHint: string);
  end;

constructor ERefused.Create(const ACode, AMessage, AHint: string);
begin
  inherited Create(ACode + ': ' + AMessage + ' ' + AHint);
  Code := ACode;
end;

var
  Url, Token: string;

{$IFDEF FPC}
function Call(const Method, Path, Body: string): TJSONObject;
var
  Http: TFPHTTPClient;
  Reply: TStringStream;
begin
  Http := TFPHTTPClient.Create(nil);
  Reply := TStringStream.Create('');
  try
    Http.IOTimeout := 150000;
    Http.AddHeader('Authorization', 'Bearer ' + Token);
    if Body <> '' then
    begin
      Http.AddHeader('Content-Type', 'application/json');
      Http.RequestBody := TStringStream.Create(Body);
    end;
    try
      Http.HTTPMethod(Method, Url + Path, Reply, []); // an empty list: every status is an answer
    except
      on E: Exception do
        raise ELost.Create(E.Message);
    end;
    Result := GetJSON(Reply.DataString) as TJSONObject;
    if Http.ResponseStatusCode >= 400 then
      try
        raise ERefused.Create(Result.Get('code', ''), Result.Get('message', ''), Result.Get('hint', ''));
      finally
        Result.Free;
      end;
  finally
    Http.RequestBody.Free;
    Reply.Free;
    Http.Free;
  end;
end;

function Text(Answer: TJSONObject; const Name: string): string;
begin
  Result := Answer.Get(Name, '');
end;
{$ELSE}
function Call(const Method, Path, Body: string): TJSONObject;
var
  Http: THTTPClient;
  Request: IHTTPRequest;
  Reply: IHTTPResponse;
  Content: TStringStream;
begin
  Http := THTTPClient.Create;
  Content := TStringStream.Create(Body, TEncoding.UTF8);
  try
    Http.ResponseTimeout := 150000;
    Request := Http.GetRequest(Method, Url + Path);
    Request.AddHeader('Authorization', 'Bearer ' + Token);
    if Body <> '' then
    begin
      Request.AddHeader('Content-Type', 'application/json');
      Request.SourceStream := Content;
    end;
    try
      Reply := Http.Execute(Request);
    except
      on E: ENetException do
        raise ELost.Create(E.Message);
    end;
    Result := TJSONObject.ParseJSONValue(Reply.ContentAsString(TEncoding.UTF8)) as TJSONObject;
    if Reply.StatusCode >= 400 then
      try
        raise ERefused.Create(Result.GetValue<string>('code'), Result.GetValue<string>('message'), Result.GetValue<string>('hint'));
      finally
        Result.Free;
      end;
  finally
    Content.Free;
    Http.Free;
  end;
end;

function Text(Answer: TJSONObject; const Name: string): string;
begin
  Result := Answer.GetValue<string>(Name);
end;
{$ENDIF}

// Settle settles a bill whose id is saved already. Whatever happens to the connection, the same bill is sent again.
function Settle(const Bill: string): TJSONObject;
var
  Attempt: Integer;
begin
  for Attempt := 1 to 3 do
    try
      Exit(Call('POST', '/v1/settlements', Bill));
    except
      on E: ELost do
        if Attempt = 3 then
          raise // later: GET /v1/sales/{sale_id}; NOT_FOUND then means that nothing was settled
        else
          Sleep(1000); // the daemon may be starting again
    end;
  Result := nil;
end;

// Bill is one box of masks; money is text with two decimals.
function Bill(const SaleId, OperatorId: string): string;
begin
  Result := '{"sale_id": "' + SaleId + '", "terminal": "counter-1", "operator": {"id": "' + OperatorId + '"}, "med_type": "41", "wait_for_card_s": 30,' +
    ' "lines": [{"id": "1", "code": "C14010200002", "name": "医用口罩", "class": "consumable", "quantity": "1", "unit_price": "5.00", "total": "5.00"}]}';
end;

procedure Run;
var
  SaleId, Settlement: string;
  Settled, Again: TJSONObject;
begin
  SaleId := 'DE-' + FormatDateTime('yyyymmdd"-"hhnnss"-"zzz', Now);
  Settled := Settle(Bill(SaleId, '1001'));
  Settlement := Text(Settled, 'settlement_id');
  WriteLn(Text(Settled, 'receipt_no'), ' ', Text(Settled, 'state'), ' 账户 ', Text(Settled, 'own_paid'), ' 共济 ', Text(Settled, 'shared_paid'), ' 现金 ', Text(Settled, 'cash_due'));
  Settled.Free;
  Again := Call('GET', '/v1/sales/' + SaleId, '');
  WriteLn('查询 ', Text(Again, 'settlement_id'));
  if Text(Again, 'settlement_id') <> Settlement then
    raise Exception.Create('the same sale is settled once');
  Again.Free;
  try
    Settle(Bill(SaleId, '1002')).Free; // the same id with other content
  except
    on E: ERefused do
      WriteLn('拒绝 ', E.Message);
  end;
  Call('POST', '/v1/settlements/' + Settlement + '/reversal', '{"reversal_id": "V-' + SaleId + '", "operator": {"id": "1001"}, "reason": "示例"}').Free;
  WriteLn('已撤销');
end;

begin
{$IFDEF FPC}
  DefaultSystemCodePage := CP_UTF8;
  SetTextCodePage(Output, CP_UTF8);
{$ENDIF}
  Url := GetEnvironmentVariable('POS_URL');
  if Url = '' then
    Url := 'http://127.0.0.1:7311';
  Token := GetEnvironmentVariable('POS_TOKEN');
  Run;
end.
