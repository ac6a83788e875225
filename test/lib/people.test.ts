/** The user pool of the console, in the template: what must not be possible, is not. */
import { describe, expect, test } from 'vitest';
import { type Json, synthesize } from './support/synthesize.ts';

describe.each(['dev', 'prod'])('%s', (stage) => {
  const assembly = synthesize(stage);
  const one = (type: string) => {
    const [found, another] = assembly.all(type);
    expect(another).toBeUndefined();
    return found!;
  };
  const pool = one('AWS::Cognito::UserPool');
  const client = one('AWS::Cognito::UserPoolClient');

  test('nobody signs up, and nobody changes the tenant that an administrator gave', () => {
    expect(pool.Properties.AdminCreateUserConfig).toMatchObject({ AllowAdminCreateUserOnly: true });
    const schema = pool.Properties.Schema as readonly Json[];
    expect(schema.find(({ Name }) => Name === 'tenant')).toMatchObject({
      ...{ AttributeDataType: 'String', Mutable: false },
      StringAttributeConstraints: { MinLength: '36', MaxLength: '36' },
    });
    expect(client.Properties.WriteAttributes).toEqual(['name']);
    expect(client.Properties.ReadAttributes).toContain('custom:tenant');
  });

  test('a client is a page without a secret that gets a code, and nothing else', () => {
    expect(client.Properties).toMatchObject({
      GenerateSecret: false,
      AllowedOAuthFlows: ['code'],
      AllowedOAuthFlowsUserPoolClient: true,
      PreventUserExistenceErrors: 'ENABLED',
      EnableTokenRevocation: true,
      SupportedIdentityProviders: ['COGNITO'],
    });
    const urls = client.Properties.CallbackURLs as readonly string[];
    expect(
      urls.every((url) => url.startsWith('https://') || (stage === 'dev' && url.startsWith('http://localhost'))),
    ).toBe(true);
  });

  test('passwords are long, telephones are no second factor, and what is kept follows the settings', () => {
    expect(pool.Properties.Policies).toMatchObject({ PasswordPolicy: { MinimumLength: 14, RequireSymbols: true } });
    expect(pool.Properties.EnabledMfas).toEqual(['SOFTWARE_TOKEN_MFA']);
    expect(pool.Properties.MfaConfiguration).toBe(stage === 'prod' ? 'ON' : 'OPTIONAL');
    expect(pool.DeletionPolicy).toBe(stage === 'prod' ? 'Retain' : 'Delete');
    expect(pool.Properties.DeletionProtection).toBe(stage === 'prod' ? 'ACTIVE' : 'INACTIVE');
    expect(pool.Properties.UserPoolTier).toBe(stage === 'prod' ? 'PLUS' : 'ESSENTIALS');
  });

  test('the log-in page has a style, without which it answers an error', () => {
    expect(one('AWS::Cognito::ManagedLoginBranding').Properties.UseCognitoProvidedValues).toBe(true);
    expect(one('AWS::Cognito::UserPoolDomain').Properties.ManagedLoginVersion).toBe(2);
  });
});
