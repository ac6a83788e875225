/** CloudFormation's intrinsics with made-up but steady answers, across stacks. */
import type { Assembly } from './synthesize.ts';

export const account = '111122223333';
export const region = 'us-east-1';

export interface Resolver {
  /** Plain JSON of a value in a stack's template. */
  value(value: unknown, stack: string): unknown;
  arn(stack: string, id: string): string;
}

const pseudo: Record<string, string> = {
  'AWS::AccountId': account,
  'AWS::Region': region,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
  'AWS::NoValue': '',
};

export function resolverOf({ templates }: Assembly): Resolver {
  const arn = (stack: string, id: string): string => {
    const { Type } = templates[stack]!.Resources[id]!;
    const service = Type.split('::')[1]!.toLowerCase();
    const at = `arn:aws:${service}:${region}:${account}:`;
    if (Type === 'AWS::S3::Bucket') return `arn:aws:s3:::${id.toLowerCase()}`;
    if (Type === 'AWS::Lambda::Function') return `${at}function:${id}`;
    if (Type === 'AWS::KMS::Key') return `${at}key/${id}`;
    if (Type === 'AWS::Logs::LogGroup') return `${at}log-group:${id}:*`;
    if (Type === 'AWS::IAM::Role') return `arn:aws:iam::${account}:role/${id}`;
    return `${at}${id}`;
  };
  const ref = (stack: string, id: string): string => {
    const known = pseudo[id];
    if (known !== undefined) return known;
    const resource = templates[stack]!.Resources[id];
    switch (resource?.Type) {
      case 'AWS::S3::Bucket':
        return id.toLowerCase();
      case 'AWS::SQS::Queue':
        return `https://sqs.${region}.amazonaws.com/${account}/${id}`;
      case 'AWS::SNS::Topic':
        return arn(stack, id);
      case 'AWS::Lambda::Version':
        return `${functionArn(stack, resource.Properties.FunctionName)}:1`;
      case 'AWS::Lambda::Alias':
        return `${functionArn(stack, resource.Properties.FunctionName)}:live`;
      default:
        return id;
    }
  };
  const functionArn = (stack: string, reference: unknown): string => arn(stack, (reference as { Ref: string }).Ref);
  const getAtt = (stack: string, id: string, attribute: string): string => {
    if (attribute === 'Arn' || attribute.endsWith('.Arn')) return arn(stack, id);
    if (attribute === 'DBClusterResourceId') return 'cluster-ABC';
    if (attribute === 'MasterUserSecret.SecretArn') return `arn:aws:secretsmanager:${region}:${account}:secret:${id}`;
    return `${id}.${attribute}`;
  };
  const value = (from: unknown, stack: string): unknown => {
    if (Array.isArray(from)) return from.map((one) => value(one, stack));
    if (typeof from !== 'object' || from === null) return from;
    const [name, argument] = Object.entries(from)[0] ?? [];
    const list = (one: unknown) => value(one, stack) as unknown[];
    switch (name) {
      case 'Ref':
        return ref(stack, String(argument));
      case 'Fn::GetAtt': {
        const [id, ...attribute] = (Array.isArray(argument) ? argument : String(argument).split('.')) as string[];
        return getAtt(stack, id!, attribute.join('.'));
      }
      case 'Fn::Join': {
        const [separator, parts] = argument as [string, unknown];
        return list(parts).join(separator);
      }
      case 'Fn::Select': {
        const [index, parts] = argument as [number, unknown];
        return list(parts)[index];
      }
      case 'Fn::Split': {
        const [separator, text] = argument as [string, unknown];
        return String(value(text, stack)).split(separator);
      }
      case 'Fn::GetStackOutput': {
        const { StackName, OutputName } = argument as { StackName: string; OutputName: string };
        return value(templates[StackName]!.Outputs![OutputName]!.Value, StackName);
      }
      default:
        return Object.fromEntries(Object.entries(from).map(([key, one]) => [key, value(one, stack)]));
    }
  };
  return { value, arn };
}
