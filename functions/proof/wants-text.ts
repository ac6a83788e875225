/** Whether `Accept` names a type of text; without one, and with several, the answer is JSON. */
export const wantsText = (headers: Readonly<Record<string, string>>, type: string): boolean => {
  const accept = headers.accept ?? '';
  return accept.includes(type) && !accept.includes('application/json');
};
