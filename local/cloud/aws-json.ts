/** AWS JSON 1.0 and 1.1: the operation is in a header, input and answer are JSON. */
import { AwsError, type Exchange, type Reply } from './exchange.ts';

export type Input = Readonly<Record<string, unknown>>;

/** `AmazonSSM.GetParameter` → `GetParameter` */
export const targetOf = ({ headers }: Exchange): string => headers['x-amz-target']?.split('.')[1] ?? '';

export function inputOf({ body }: Exchange): Input {
  try {
    return JSON.parse(body.toString() || '{}') as Input;
  } catch {
    throw new AwsError(400, 'SerializationException', 'The body is not JSON.');
  }
}

export const jsonReply = (answer: object): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify(answer),
});

export const jsonRefusal = (error: AwsError): Reply => ({
  status: error.status,
  headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': error.code },
  body: JSON.stringify({ __type: error.code, message: error.message }),
});
