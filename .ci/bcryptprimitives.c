// Wine 8 has no bcryptprimitives.dll, of which programs made by Go need one function for random bytes. This gives them
// the one that older Windows has for the same purpose. For tests under Wine only; Windows has its own.
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) { return SystemFunction036(buffer, (ULONG)length); }
